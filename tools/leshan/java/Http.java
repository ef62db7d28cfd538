import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;

import org.eclipse.leshan.core.request.exception.InvalidResponseException;
import org.eclipse.leshan.core.request.exception.RequestCanceledException;
import org.eclipse.leshan.core.request.exception.RequestRejectedException;
import org.eclipse.leshan.core.request.exception.SendFailedException;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.registration.Registration;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;

/** The HTTP side: /api/clients/... and /api/event, as the demo server of Leshan has them. */
final class Http {

    private static final String CLIENTS = "/api/clients";

    private final LeshanServer server;
    private final Operations operations;
    private final Events events;
    private final HttpServer http;

    Http(LeshanServer server, InetSocketAddress address) throws IOException {
        this.server = server;
        this.events = new Events(server);
        this.operations = new Operations(server, new Waiting(server, events));
        this.http = HttpServer.create(address, 0);
        http.setExecutor(Executors.newCachedThreadPool());
        http.createContext("/api/event", this::event);
        http.createContext(CLIENTS, this::clients);
    }

    /** Adds a part of the API, before start(). */
    void serve(String path, HttpHandler handler) {
        http.createContext(path, handler);
    }

    void start() {
        http.start();
    }

    int port() {
        return http.getAddress().getPort();
    }

    private void event(HttpExchange exchange) throws IOException {
        events.serve(exchange, new Query(exchange).text("ep"));
    }

    private void clients(HttpExchange exchange) throws IOException {
        try {
            JsonNode answer = answer(exchange);
            Web.reply(exchange, 200, answer == null ? "" : answer.toString());
        } catch (Web.Refused fault) {
            Web.reply(exchange, fault.status, fault.getMessage());
        } catch (RequestRejectedException fault) {
            Web.reply(exchange, 500, "Request rejected: " + fault.getMessage());
        } catch (RequestCanceledException | InvalidResponseException | SendFailedException fault) {
            Web.reply(exchange, 500, fault.getClass().getSimpleName() + ": " + fault.getMessage());
        } catch (Exception fault) {
            fault.printStackTrace();
            Web.reply(exchange, 400, "Invalid request: " + fault.getMessage());
        }
    }

    private JsonNode answer(HttpExchange exchange) throws Exception {
        List<String> parts = Web.parts(exchange, CLIENTS);
        String method = exchange.getRequestMethod();
        if (parts.isEmpty()) {
            ArrayNode all = Json.MAPPER.createArrayNode();
            for (Iterator<Registration> each = server.getRegistrationService().getAllRegistrations(); each.hasNext();) {
                all.add(registration(each.next()));
            }
            return all;
        }
        Registration registration = server.getRegistrationService().getByEndpoint(parts.get(0));
        if (registration == null) {
            throw new Web.Refused(400, "no registered client with id '" + parts.get(0) + "'");
        }
        if (parts.size() == 1) {
            if (!method.equals("GET")) {
                throw new Web.Refused(400, "Invalid path");
            }
            return registration(registration);
        }
        String type = String.valueOf(exchange.getRequestHeaders().getFirst("Content-Type"));
        return operations.carryOut(registration, method, parts.subList(1, parts.size()), new Query(exchange),
                type.startsWith("text/plain"), Web.body(exchange));
    }

    private JsonNode registration(Registration registration) {
        return Json.registration(registration, server.getPresenceService().isClientAwake(registration));
    }

    /** The query of a URL. */
    static final class Query {

        final String raw;
        private final Map<String, String> values = new HashMap<>();

        Query(HttpExchange exchange) {
            String query = exchange.getRequestURI().getRawQuery();
            StringBuilder rest = new StringBuilder();
            for (String item : (query == null ? "" : query).split("&")) {
                int equals = item.indexOf('=');
                String name = equals < 0 ? item : item.substring(0, equals);
                values.put(name, equals < 0 ? ""
                        : URLDecoder.decode(item.substring(equals + 1), StandardCharsets.UTF_8));
                if (!item.isEmpty() && !name.equals("timeout")) {
                    rest.append(rest.length() == 0 ? "" : "&").append(item);
                }
            }
            raw = rest.toString();
        }

        boolean has(String name) {
            return values.containsKey(name);
        }

        /** The value, null where it is missing. */
        String text(String name) {
            return values.get(name);
        }

        long milliseconds(String name, long otherwise) {
            return has(name) ? Long.parseLong(values.get(name)) * 1000 : otherwise;
        }
    }
}
