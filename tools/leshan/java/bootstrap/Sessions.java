import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;

import org.eclipse.leshan.core.link.lwm2m.LwM2mLink;
import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mObject;
import org.eclipse.leshan.core.node.LwM2mObjectInstance;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.peer.LwM2mPeer;
import org.eclipse.leshan.core.request.BootstrapDeleteRequest;
import org.eclipse.leshan.core.request.BootstrapDownlinkRequest;
import org.eclipse.leshan.core.request.BootstrapFinishRequest;
import org.eclipse.leshan.core.request.BootstrapRequest;
import org.eclipse.leshan.core.request.BootstrapWriteRequest;
import org.eclipse.leshan.core.request.SimpleDownlinkRequest;
import org.eclipse.leshan.core.response.BootstrapDiscoverResponse;
import org.eclipse.leshan.core.response.BootstrapReadResponse;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.server.bootstrap.BootstrapFailureCause;
import org.eclipse.leshan.server.bootstrap.BootstrapSession;
import org.eclipse.leshan.server.bootstrap.BootstrapSessionListener;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;

/**
 * GET /api/bootstrap-sessions/NAME: how a client's bootstraps went, the oldest first.
 *
 * A list of {"state": "running", "finished" or "failed", "cause", "query": what the client sent along,
 * "requests": [{"request": "PUT /0/0", "code": "2.04"}]}. A request without an answer has an "error"; an
 * answer to Discover has "links", one to Read of another object than 0 {"values": {path: text}}.
 */
final class Sessions implements BootstrapSessionListener, HttpHandler {

    static final String PATH = "/api/bootstrap-sessions";
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final Map<String, List<ObjectNode>> byEndpoint = new ConcurrentHashMap<>();
    private final Map<BootstrapSession, ObjectNode> bySession = new WeakHashMap<>();

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        List<String> parts = Web.parts(exchange, PATH);
        if (!exchange.getRequestMethod().equals("GET") || parts.size() != 1) {
            Web.reply(exchange, 400, "Invalid path");
            return;
        }
        String text;
        synchronized (this) {
            text = byEndpoint.getOrDefault(parts.get(0), List.of()).toString();
        }
        Web.reply(exchange, 200, text);
    }

    private ObjectNode begin(BootstrapRequest request) {
        ObjectNode json = MAPPER.createObjectNode().put("state", "running");
        json.set("query", MAPPER.valueToTree(request.getAdditionalAttributes()));
        json.putArray("requests");
        byEndpoint.computeIfAbsent(request.getEndpointName(), name -> new ArrayList<>()).add(json);
        return json;
    }

    private ArrayNode requests(BootstrapSession session) {
        return (ArrayNode) bySession.get(session).get("requests");
    }

    private ObjectNode last(BootstrapSession session) {
        ArrayNode requests = requests(session);
        return (ObjectNode) requests.get(requests.size() - 1);
    }

    @Override
    public void sessionInitiated(BootstrapRequest request, LwM2mPeer client) {
        // whether it is authorized comes next
    }

    @Override
    public synchronized void unAuthorized(BootstrapRequest request, LwM2mPeer client) {
        begin(request).put("state", "failed").put("cause", "UNAUTHORIZED");
    }

    @Override
    public synchronized void authorized(BootstrapSession session) {
        bySession.put(session, begin(session.getBootstrapRequest()));
    }

    @Override
    public void noConfig(BootstrapSession session) {
        // failed() comes as well
    }

    @Override
    public synchronized void sendRequest(BootstrapSession session,
            BootstrapDownlinkRequest<? extends LwM2mResponse> request) {
        requests(session).addObject().put("request", text(request));
    }

    private static String text(BootstrapDownlinkRequest<? extends LwM2mResponse> request) {
        if (request instanceof BootstrapFinishRequest) {
            return "POST /bs";
        }
        String method = request instanceof BootstrapWriteRequest ? "PUT "
                : request instanceof BootstrapDeleteRequest ? "DELETE " : "GET ";
        return method + ((SimpleDownlinkRequest<?>) request).getPath();
    }

    @Override
    public synchronized void onResponseSuccess(BootstrapSession session,
            BootstrapDownlinkRequest<? extends LwM2mResponse> request, LwM2mResponse response) {
        ObjectNode json = answered(session, response);
        if (response instanceof BootstrapDiscoverResponse) {
            ArrayNode links = json.putArray("links");
            for (LwM2mLink link : ((BootstrapDiscoverResponse) response).getObjectLinks()) {
                links.add(link.toCoreLinkFormat());
            }
        } else if (response instanceof BootstrapReadResponse) {
            LwM2mPath path = ((SimpleDownlinkRequest<?>) request).getPath();
            if (path.getObjectId() != 0) {
                values(json.putObject("values"), path, ((BootstrapReadResponse) response).getContent());
            }
        }
    }

    private static void values(ObjectNode json, LwM2mPath path, LwM2mNode node) {
        if (node instanceof LwM2mObject) {
            ((LwM2mObject) node).getInstances().values().forEach(each -> values(json, path.append(each.getId()), each));
        } else if (node instanceof LwM2mObjectInstance) {
            ((LwM2mObjectInstance) node).getResources().values()
                    .forEach(each -> values(json, path.append(each.getId()), each));
        } else if (node instanceof LwM2mSingleResource) {
            json.put(path.toString(), String.valueOf(((LwM2mSingleResource) node).getValue()));
        }
    }

    @Override
    public synchronized void onResponseError(BootstrapSession session,
            BootstrapDownlinkRequest<? extends LwM2mResponse> request, LwM2mResponse response) {
        answered(session, response);
    }

    private ObjectNode answered(BootstrapSession session, LwM2mResponse response) {
        int code = response.getCode().getCode();
        return last(session).put("code", code / 100 + "." + String.format("%02d", code % 100));
    }

    @Override
    public synchronized void onRequestFailure(BootstrapSession session,
            BootstrapDownlinkRequest<? extends LwM2mResponse> request, Throwable cause) {
        last(session).put("error", cause.getClass().getSimpleName());
    }

    @Override
    public synchronized void end(BootstrapSession session) {
        bySession.get(session).put("state", "finished");
    }

    @Override
    public synchronized void failed(BootstrapSession session, BootstrapFailureCause cause) {
        bySession.get(session).put("state", "failed").put("cause", cause.name());
    }
}
