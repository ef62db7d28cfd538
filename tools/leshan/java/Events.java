import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;

import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.TimestampedLwM2mNodes;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.SendRequest;
import org.eclipse.leshan.core.response.ObserveCompositeResponse;
import org.eclipse.leshan.core.response.ObserveResponse;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.queue.PresenceListener;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.server.send.SendListener;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;

/** What happens at the server, as a stream of server-sent events. */
final class Events implements RegistrationListener, ObservationListener, SendListener, PresenceListener {

    private final Map<BlockingQueue<String>, String> listeners = new ConcurrentHashMap<>();
    private final LeshanServer server;

    Events(LeshanServer server) {
        this.server = server;
        server.getRegistrationService().addListener(this);
        server.getObservationService().addListener(this);
        server.getSendService().addListener(this);
        server.getPresenceService().addListener(this);
    }

    /** Writes events to an HTTP client until it goes away. */
    void serve(HttpExchange exchange, String endpoint) throws IOException {
        BlockingQueue<String> queue = new LinkedBlockingQueue<>();
        listeners.put(queue, endpoint == null ? "" : endpoint);
        try {
            exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
            exchange.sendResponseHeaders(200, 0);
            OutputStream body = exchange.getResponseBody();
            body.flush();
            while (true) {
                body.write(queue.take().getBytes(StandardCharsets.UTF_8));
                body.flush();
            }
        } catch (InterruptedException fault) {
            Thread.currentThread().interrupt();
        } finally {
            listeners.remove(queue);
            exchange.close();
        }
    }

    /** Sends an event to those who listen to everything or to this client. */
    void tell(String kind, Registration registration, ObjectNode data) {
        String text = "event: " + kind + "\r\ndata: " + data + "\r\n\r\n";
        listeners.forEach((queue, wanted) -> {
            if (wanted.isEmpty() || wanted.equals(registration.getEndpoint())) {
                queue.add(text);
            }
        });
    }

    private ObjectNode of(Registration registration) {
        return Json.registration(registration, server.getPresenceService().isClientAwake(registration));
    }

    private static ObjectNode named(Registration registration) {
        return Json.MAPPER.createObjectNode().put("ep", registration.getEndpoint());
    }

    @Override
    public void registered(Registration registration, Registration previous, Collection<Observation> observations) {
        tell("REGISTRATION", registration, of(registration));
    }

    @Override
    public void updated(RegistrationUpdate update, Registration updated, Registration previous) {
        ObjectNode json = Json.MAPPER.createObjectNode();
        json.set("registration", of(updated));
        json.set("update", Json.update(update));
        tell("UPDATED", updated, json);
    }

    @Override
    public void unregistered(Registration registration, Collection<Observation> observations, boolean expired,
            Registration next) {
        tell("DEREGISTRATION", registration, of(registration));
    }

    @Override
    public void newObservation(Observation observation, Registration registration) {
        // the caller of Observe has the answer
    }

    @Override
    public void cancelled(Observation observation) {
        // the caller of the cancellation knows
    }

    @Override
    public void onResponse(SingleObservation observation, Registration registration, ObserveResponse response) {
        ObjectNode json = named(registration).put("kind", "single").put("res", observation.getPath().toString());
        if (response.isFailure()) {
            json.put("status", response.getCode().toString());
            tell("OBSERVATION_ENDED", registration, json);
            return;
        }
        if (response.getTimestampedLwM2mNodes() != null) {
            Json.timed(json, Json.byTime(response.getTimestampedLwM2mNodes()));
        } else {
            json.set("val", Json.node(response.getContent()));
        }
        tell("NOTIFICATION", registration, json);
    }

    @Override
    public void onResponse(CompositeObservation observation, Registration registration,
            ObserveCompositeResponse response) {
        ObjectNode json = named(registration).put("kind", "composite");
        ArrayNode paths = json.putArray("paths");
        for (LwM2mPath path : observation.getPaths()) {
            paths.add(path.toString());
        }
        if (response.isFailure()) {
            json.put("status", response.getCode().toString());
            tell("OBSERVATION_ENDED", registration, json);
            return;
        }
        if (response.getTimestampedLwM2mNodes() != null) {
            Json.timed(json, Json.byTime(response.getTimestampedLwM2mNodes()));
        } else {
            json.set("val", Json.nodes(response.getContent()));
        }
        tell("NOTIFICATION", registration, json);
    }

    @Override
    public void onError(Observation observation, Registration registration, Exception error) {
        System.err.println("notification of no use: " + error);
        tell("OBSERVATION_ERROR", registration, named(registration).put("error", String.valueOf(error.getMessage())));
    }

    @Override
    public void dataReceived(Registration registration, TimestampedLwM2mNodes data, SendRequest request) {
        ObjectNode json = named(registration);
        Json.timed(json, Json.byTime(data)); // its own most recent nodes are the oldest
        tell("SEND", registration, json);
    }

    @Override
    public void onError(Registration registration, String text, Exception error) {
        System.err.println("send of no use: " + text + " " + error);
        if (registration != null) {
            tell("SEND_ERROR", registration, named(registration).put("error", String.valueOf(error)));
        }
    }

    @Override
    public void onAwake(Registration registration) {
        tell("AWAKE", registration, named(registration));
    }

    @Override
    public void onSleeping(Registration registration) {
        tell("SLEEPING", registration, named(registration));
    }
}
