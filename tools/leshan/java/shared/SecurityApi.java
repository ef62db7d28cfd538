import java.io.IOException;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;

/**
 * /api/security/clients of a server: which credentials its clients have.
 *
 * PUT {"endpoint": name, "tls": {"mode": "psk", "details": {"identity": text, "key": hexadecimal}}} or with
 * the mode "x509" and no details; GET lists them without their keys; DELETE /api/security/clients/NAME. No
 * key is ever shown, not even in the message of an error.
 */
abstract class SecurityApi implements HttpHandler {

    static final String PATH = "/api/security/clients";
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** Keeps a client's pre-shared key. */
    abstract void add(String endpoint, String identity, byte[] key) throws Exception;

    /** The client has a certificate. */
    abstract void add(String endpoint) throws Exception;

    /** Forgets a client and its sessions; false where there is none of that name. */
    abstract boolean remove(String endpoint);

    /** Calls {@link #describe} for each client. */
    abstract void list(ArrayNode clients);

    /** Puts a client into the list; identity is null for one with a certificate. */
    static void describe(ArrayNode clients, String endpoint, String identity) {
        ObjectNode tls = clients.addObject().put("endpoint", endpoint).putObject("tls");
        tls.put("mode", identity == null ? "x509" : "psk");
        if (identity != null) {
            tls.putObject("details").put("identity", identity);
        }
    }

    @Override
    public final void handle(HttpExchange exchange) throws IOException {
        try {
            Web.reply(exchange, 200, answer(exchange));
        } catch (Web.Refused fault) {
            Web.reply(exchange, fault.status, fault.getMessage());
        } catch (Exception fault) {
            // its message may quote what was sent
            Web.reply(exchange, 400, "Invalid security information: " + fault.getClass().getSimpleName());
        }
    }

    private String answer(HttpExchange exchange) throws Exception {
        List<String> parts = Web.parts(exchange, PATH);
        switch (exchange.getRequestMethod() + " " + parts.size()) {
        case "GET 0":
            ArrayNode clients = MAPPER.createArrayNode();
            list(clients);
            return clients.toString();
        case "PUT 0":
            put(MAPPER.readTree(Web.body(exchange)));
            return "";
        case "DELETE 1":
            if (!remove(parts.get(0))) {
                throw new Web.Refused(404, "no security information for '" + parts.get(0) + "'");
            }
            return "";
        default:
            throw new Web.Refused(400, "Invalid path");
        }
    }

    private void put(JsonNode json) throws Exception {
        String endpoint = json.path("endpoint").asText();
        JsonNode details = json.path("tls").path("details");
        String mode = json.path("tls").path("mode").asText();
        if (endpoint.isEmpty()) {
            throw new Web.Refused(400, "endpoint is missing");
        }
        if (mode.equals("x509")) {
            add(endpoint);
        } else if (mode.equals("psk")) {
            add(endpoint, details.path("identity").asText(), Hexadecimal.bytes(details.path("key").asText()));
        } else {
            throw new Web.Refused(400, "tls.mode: psk or x509 expected");
        }
    }
}
