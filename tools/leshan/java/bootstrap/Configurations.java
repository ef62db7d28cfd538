import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import org.eclipse.leshan.core.request.BootstrapDiscoverRequest;
import org.eclipse.leshan.core.request.BootstrapDownlinkRequest;
import org.eclipse.leshan.core.request.BootstrapReadRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.util.datatype.ULong;
import org.eclipse.leshan.server.bootstrap.BootstrapConfig;
import org.eclipse.leshan.server.bootstrap.BootstrapConfigStoreTaskProvider;
import org.eclipse.leshan.server.bootstrap.BootstrapSession;
import org.eclipse.leshan.server.bootstrap.BootstrapTaskProvider;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;

/**
 * /api/bootstrap: what clients are given in a bootstrap, and the requests that follow from it.
 *
 * POST /api/bootstrap/NAME takes a configuration with the names of Leshan's BootstrapConfig ("toDelete",
 * "security", "servers", "acls" ..., opaque values in hexadecimal) and in "first" requests that come before
 * it, as ["discover /0", "read /1/0"]; DELETE removes it; GET /api/bootstrap lists the names alone, as a
 * configuration holds keys. A configuration is not checked: what a client makes of a bad one is worth a test.
 */
final class Configurations implements HttpHandler, BootstrapTaskProvider {

    static final String PATH = "/api/bootstrap";
    private static final ObjectMapper MAPPER = new ObjectMapper().registerModule(new SimpleModule()
            .addDeserializer(byte[].class, from(node -> Hexadecimal.bytes(node.asText())))
            .addDeserializer(ULong.class, from(node -> ULong.valueOf(node.asLong())))
            .addDeserializer(ContentFormat.class, from(node -> ContentFormat.fromName(node.asText()))));

    private static final class Configuration {
        final BootstrapConfig config;
        final List<String> first = new ArrayList<>();

        Configuration(ObjectNode json) throws JsonProcessingException {
            JsonNode requests = json.remove("first");
            if (requests != null) {
                requests.forEach(request -> first.add(request.asText()));
            }
            config = MAPPER.treeToValue(json, BootstrapConfig.class);
        }
    }

    private interface Conversion<T> {
        T of(JsonNode node);
    }

    private final Map<String, Configuration> byEndpoint = new ConcurrentHashMap<>();
    private final BootstrapTaskProvider following = new BootstrapConfigStoreTaskProvider(
            session -> byEndpoint.get(session.getEndpoint()).config);

    private static <T> JsonDeserializer<T> from(Conversion<T> conversion) {
        return new JsonDeserializer<T>() {
            @Override
            public T deserialize(JsonParser parser, DeserializationContext context) throws IOException {
                return conversion.of(parser.readValueAsTree());
            }
        };
    }

    @Override
    public Tasks getTasks(BootstrapSession session, List<LwM2mResponse> answers) {
        Configuration configuration = byEndpoint.get(session.getEndpoint());
        if (configuration == null) {
            return null;
        }
        if (configuration.first.isEmpty()) {
            return following.getTasks(session, answers);
        }
        if (answers != null) {
            return following.getTasks(session, null);
        }
        Tasks tasks = new Tasks();
        tasks.last = false;
        tasks.requestsToSend = new ArrayList<>();
        configuration.first.forEach(text -> tasks.requestsToSend.add(request(text)));
        tasks.supportedObjects = new HashMap<>(Map.of(0, "1.1", 1, "1.1", 2, "1.0", 3, "1.1"));
        return tasks;
    }

    private static BootstrapDownlinkRequest<? extends LwM2mResponse> request(String text) {
        List<String> words = Arrays.asList(text.split(" "));
        return words.get(0).equals("discover") ? new BootstrapDiscoverRequest(words.get(1))
                : new BootstrapReadRequest(words.get(1));
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        try {
            Web.reply(exchange, 200, answer(exchange));
        } catch (Web.Refused fault) {
            Web.reply(exchange, fault.status, fault.getMessage());
        } catch (JsonMappingException fault) {
            // the place alone: the message may quote a key
            Web.reply(exchange, 400, "Invalid configuration at " + fault.getPathReference());
        } catch (Exception fault) {
            Web.reply(exchange, 400, "Invalid configuration: " + fault.getClass().getSimpleName());
        }
    }

    private String answer(HttpExchange exchange) throws Exception {
        List<String> parts = Web.parts(exchange, PATH);
        switch (exchange.getRequestMethod() + " " + parts.size()) {
        case "GET 0":
            return MAPPER.writeValueAsString(byEndpoint.keySet());
        case "POST 1":
            Configuration configuration = new Configuration((ObjectNode) MAPPER.readTree(Web.body(exchange)));
            configuration.first.forEach(Configurations::request); // refuses paths that are none
            byEndpoint.put(parts.get(0), configuration);
            return "";
        case "DELETE 1":
            if (byEndpoint.remove(parts.get(0)) == null) {
                throw new Web.Refused(404, "no configuration for '" + parts.get(0) + "'");
            }
            return "";
        default:
            throw new Web.Refused(400, "Invalid path");
        }
    }
}
