import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.eclipse.californium.core.coap.Request;
import org.eclipse.leshan.core.link.lwm2m.attributes.DefaultLwM2mAttributeParser;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttributeSet;
import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mObjectInstance;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.CancelCompositeObservationRequest;
import org.eclipse.leshan.core.request.CancelObservationRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.CreateRequest;
import org.eclipse.leshan.core.request.DeleteRequest;
import org.eclipse.leshan.core.request.DiscoverRequest;
import org.eclipse.leshan.core.request.DownlinkDeviceManagementRequest;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.request.ObserveCompositeRequest;
import org.eclipse.leshan.core.request.ObserveRequest;
import org.eclipse.leshan.core.request.ReadCompositeRequest;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.request.WriteAttributesRequest;
import org.eclipse.leshan.core.request.WriteCompositeRequest;
import org.eclipse.leshan.core.request.WriteRequest;
import org.eclipse.leshan.core.response.CreateResponse;
import org.eclipse.leshan.core.response.DiscoverResponse;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.ReadCompositeResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.request.LowerLayerConfig;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Turns a request of the HTTP API into an LwM2M operation and its answer into JSON. */
final class Operations {

    private static final long TIMEOUT_MS = 5000;

    private final LeshanServer server;
    private final Waiting waiting;

    Operations(LeshanServer server, Waiting waiting) {
        this.server = server;
        this.waiting = waiting;
    }

    /**
     * parts are those of the path behind the endpoint name; the answer is null where there is nothing to say.
     * The query's block=64 asks the client for blocks of that size (Block2 in the request).
     */
    JsonNode carryOut(Registration registration, String method, List<String> parts, Http.Query query, boolean plain,
            String body) throws Exception {
        String last = parts.get(parts.size() - 1);
        boolean composite = parts.get(0).equals("composite");
        boolean observe = parts.size() > 1 && last.equals("observe");
        boolean discover = parts.size() > 1 && last.equals("discover");
        boolean attributes = parts.size() > 1 && last.equals("attributes");
        String target = "/"
                + String.join("/", observe || discover || attributes ? parts.subList(0, parts.size() - 1) : parts);
        ContentFormat format = format(query, "format");
        DownlinkDeviceManagementRequest<? extends LwM2mResponse> request;
        switch (method + (composite ? " composite" : "") + (observe ? " observe" : "")) {
        case "GET composite":
            request = new ReadCompositeRequest(format(query, "pathformat"), format(query, "nodeformat"), paths(query));
            break;
        case "PUT composite":
            Map<LwM2mPath, LwM2mNode> nodes = new HashMap<>();
            for (Map.Entry<String, JsonNode> entry : Json.MAPPER.readTree(body).properties()) {
                nodes.put(new LwM2mPath(entry.getKey()), Json.parse(entry.getValue()));
            }
            request = new WriteCompositeRequest(format(query, "nodeformat"), nodes, null);
            break;
        case "POST composite observe":
            request = new ObserveCompositeRequest(format(query, "pathformat"), format(query, "nodeformat"),
                    paths(query).toArray(new String[0]));
            break;
        case "DELETE composite observe":
            return cancelComposite(registration, query);
        case "GET":
            request = discover ? new DiscoverRequest(target) : new ReadRequest(format, target);
            break;
        case "PUT":
            request = attributes
                    ? new WriteAttributesRequest(target,
                            new LwM2mAttributeSet(new DefaultLwM2mAttributeParser().parseUriQuery(query.raw)))
                    : new WriteRequest("false".equals(query.text("replace")) ? WriteRequest.Mode.UPDATE
                            : WriteRequest.Mode.REPLACE, format, target, node(target, plain, body));
            break;
        case "POST observe":
            request = new ObserveRequest(format, target);
            break;
        case "DELETE observe":
            return cancel(registration, target, query);
        case "POST":
            request = parts.size() == 3 ? new ExecuteRequest(target, body.isEmpty() ? null : body)
                    : create(format, target, node(target, plain, body));
            break;
        case "DELETE":
            request = new DeleteRequest(target);
            break;
        default:
            throw new Web.Refused(400, "Invalid path");
        }
        return waiting.carryOut(registration, composite ? null : target, now -> send(now, request, query));
    }

    private JsonNode send(Registration registration, DownlinkDeviceManagementRequest<? extends LwM2mResponse> request,
            Http.Query query) throws Exception {
        long timeout = query.milliseconds("timeout", TIMEOUT_MS);
        LowerLayerConfig blocks = coap -> {
            if (query.has("block")) {
                int szx = Integer.numberOfTrailingZeros(Integer.parseInt(query.text("block"))) - 4;
                ((Request) coap).getOptions().setBlock2(szx, false, 0);
            }
        };
        LwM2mResponse response = server.send(registration, request, blocks, timeout);
        if (response == null) {
            throw new Web.Refused(504, "Request timeout");
        }
        return json(response);
    }

    private static ObjectNode json(LwM2mResponse response) {
        ObjectNode json = Json.MAPPER.createObjectNode();
        json.put("status", response.getCode().toString());
        json.put("valid", response.isValid());
        json.put("success", response.isSuccess());
        json.put("failure", response.isFailure());
        if (response.isFailure()) {
            String text = response.getErrorMessage();
            return text == null || text.isEmpty() ? json : json.put("errormessage", text);
        }
        if (response instanceof ReadCompositeResponse) {
            json.set("content", Json.nodes(((ReadCompositeResponse) response).getContent()));
        } else if (response instanceof ReadResponse) {
            LwM2mNode content = ((ReadResponse) response).getContent();
            if (content != null) {
                json.set("content", Json.node(content));
            }
        } else if (response instanceof DiscoverResponse) {
            json.set("objectLinks", Json.links(((DiscoverResponse) response).getObjectLinks()));
        } else if (response instanceof CreateResponse) {
            json.put("location", ((CreateResponse) response).getLocation());
        }
        return json;
    }

    private JsonNode cancel(Registration registration, String target, Http.Query query) throws Exception {
        LwM2mPath path = new LwM2mPath(target);
        if (!query.has("active")) {
            server.getObservationService().cancelObservations(registration, target);
            return null;
        }
        for (Observation observation : server.getObservationService().getObservations(registration)) {
            if (observation instanceof SingleObservation && ((SingleObservation) observation).getPath().equals(path)) {
                CancelObservationRequest request = new CancelObservationRequest((SingleObservation) observation);
                return waiting.carryOut(registration, target, now -> end(now, observation, request, query));
            }
        }
        throw new Web.Refused(404, "no observation for path " + target);
    }

    private JsonNode end(Registration registration, Observation observation,
            DownlinkDeviceManagementRequest<? extends LwM2mResponse> request, Http.Query query) throws Exception {
        JsonNode answer = send(registration, request, query);
        server.getObservationService().cancelObservation(observation);
        return answer;
    }

    private JsonNode cancelComposite(Registration registration, Http.Query query) throws Exception {
        List<String> paths = paths(query);
        if (!query.has("active")) {
            server.getObservationService().cancelCompositeObservations(registration, paths.toArray(new String[0]));
            return null;
        }
        List<LwM2mPath> wanted = LwM2mPath.getLwM2mPathList(paths);
        for (Observation observation : server.getObservationService().getObservations(registration)) {
            if (observation instanceof CompositeObservation
                    && ((CompositeObservation) observation).getPaths().equals(wanted)) {
                CancelCompositeObservationRequest request = new CancelCompositeObservationRequest(
                        (CompositeObservation) observation);
                return waiting.carryOut(registration, null, now -> end(now, observation, request, query));
            }
        }
        throw new Web.Refused(404, "no composite observation for paths " + paths);
    }

    private static CreateRequest create(ContentFormat format, String target, LwM2mNode node) {
        if (!(node instanceof LwM2mObjectInstance)) {
            throw new IllegalArgumentException("payload must contain an object instance");
        }
        LwM2mObjectInstance instance = (LwM2mObjectInstance) node;
        if (instance.getId() == LwM2mObjectInstance.UNDEFINED) {
            return new CreateRequest(format, target, instance.getResources().values());
        }
        return new CreateRequest(format, target, instance);
    }

    private static LwM2mNode node(String target, boolean plain, String body) throws Exception {
        if (plain) {
            LwM2mPath path = new LwM2mPath(target);
            return LwM2mSingleResource.newStringResource(path.getResourceId(), body);
        }
        return Json.parse(Json.MAPPER.readTree(body));
    }

    private static List<String> paths(Http.Query query) {
        return query.has("paths") ? Arrays.asList(query.text("paths").split(",")) : Collections.emptyList();
    }

    private static ContentFormat format(Http.Query query, String name) {
        return query.has(name) ? ContentFormat.fromName(query.text(name).toUpperCase()) : null;
    }
}
