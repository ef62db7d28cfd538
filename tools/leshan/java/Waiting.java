import java.util.Collection;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingDeque;

import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.request.exception.ClientSleepingException;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.queue.PresenceListener;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** What sleeping clients are asked: it waits, in its turn, and the answer comes as an event. */
final class Waiting implements PresenceListener, RegistrationListener {

    /** A request and what becomes of its answer. */
    interface Work {
        JsonNode carryOut(Registration registration) throws Exception;
    }

    private static final class Request {
        final ObjectNode head;
        final Work work;

        Request(ObjectNode head, Work work) {
            this.head = head;
            this.work = work;
        }
    }

    private static final int MAX_WAITING = 100; // requests to one client

    private final LeshanServer server;
    private final Events events;
    private final Map<String, BlockingDeque<Request>> byId = new ConcurrentHashMap<>();
    private final ExecutorService pool = Executors.newCachedThreadPool();

    Waiting(LeshanServer server, Events events) {
        this.server = server;
        this.events = events;
        server.getPresenceService().addListener(this);
        server.getRegistrationService().addListener(this);
    }

    /** Does the work if the client is awake; otherwise the answer says that it is delayed. */
    JsonNode carryOut(Registration registration, String path, Work work) throws Exception {
        if (isAwake(registration)) {
            try {
                return work.carryOut(registration);
            } catch (ClientSleepingException fault) {
                // it has fallen asleep just now
            }
        }
        ObjectNode head = Json.MAPPER.createObjectNode().put("ep", registration.getEndpoint());
        if (path != null) {
            head.put("path", path);
        }
        head.put("requestId", UUID.randomUUID().toString()).put("delayed", true);
        BlockingDeque<Request> requests = byId.computeIfAbsent(registration.getId(),
                id -> new LinkedBlockingDeque<>(MAX_WAITING));
        if (!requests.offer(new Request(head.deepCopy(), work))) {
            throw new Web.Refused(400, MAX_WAITING + " requests wait for this client already");
        }
        // what has changed in the meantime told nobody of this request
        if (server.getRegistrationService().getById(registration.getId()) == null) {
            fail(registration);
        } else if (isAwake(registration)) {
            release(registration);
        }
        return head;
    }

    private boolean isAwake(Registration registration) {
        return !registration.usesQueueMode() || server.getPresenceService().isClientAwake(registration);
    }

    private void release(Registration registration) {
        BlockingDeque<Request> requests = byId.get(registration.getId());
        if (requests != null) {
            pool.execute(() -> carryOut(registration.getId(), requests));
        }
    }

    private void carryOut(String id, BlockingDeque<Request> requests) {
        synchronized (requests) {
            while (true) {
                // its address may be another one now
                Registration registration = server.getRegistrationService().getById(id);
                if (registration == null || !isAwake(registration)) {
                    return;
                }
                Request request = requests.poll();
                if (request == null) {
                    return;
                }
                try {
                    JsonNode answer = request.work.carryOut(registration);
                    request.head.set("response", answer);
                } catch (ClientSleepingException fault) {
                    requests.offerFirst(request);
                    return;
                } catch (Exception fault) {
                    System.err.println("a delayed request failed: " + fault);
                    request.head.put("errormessage", String.valueOf(fault.getMessage()));
                }
                events.tell("REQUEST_RESPONSE", registration, request.head);
            }
        }
    }

    private void fail(Registration registration) {
        BlockingDeque<Request> requests = byId.remove(registration.getId());
        for (Request request = poll(requests); request != null; request = poll(requests)) {
            request.head.put("errormessage", "the client de-registered");
            events.tell("REQUEST_RESPONSE", registration, request.head);
        }
    }

    private static Request poll(BlockingDeque<Request> requests) {
        return requests == null ? null : requests.poll();
    }

    @Override
    public void onAwake(Registration registration) {
        release(registration);
    }

    @Override
    public void onSleeping(Registration registration) {
        // what waits goes on waiting
    }

    @Override
    public void registered(Registration registration, Registration previous, Collection<Observation> observations) {
        // nothing waits for it yet
    }

    @Override
    public void updated(RegistrationUpdate update, Registration updated, Registration previous) {
        if (!updated.usesQueueMode()) {
            release(updated); // it has left queue mode
        }
    }

    @Override
    public void unregistered(Registration registration, Collection<Observation> observations, boolean expired,
            Registration next) {
        fail(registration);
    }
}
