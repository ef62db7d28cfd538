import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import com.sun.net.httpserver.HttpExchange;

/** What both HTTP sides need: the path's parts, the body, the answer. */
final class Web {

    private Web() {
    }

    /** The parts of a request's path behind a prefix. */
    static List<String> parts(HttpExchange exchange, String prefix) {
        List<String> parts = new ArrayList<>();
        for (String part : exchange.getRequestURI().getPath().substring(prefix.length()).split("/")) {
            if (!part.isEmpty()) {
                parts.add(part);
            }
        }
        return parts;
    }

    /** The request's body as text. */
    static String body(HttpExchange exchange) throws IOException {
        try (InputStream stream = exchange.getRequestBody()) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Sends an answer and ends the exchange. */
    static void reply(HttpExchange exchange, int status, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", status == 200 ? "application/json" : "text/plain");
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    /** A request that is answered with an HTTP status of its own. */
    static final class Refused extends Exception {

        private static final long serialVersionUID = 1L;
        final int status;

        Refused(int status, String text) {
            super(text);
            this.status = status;
        }
    }
}
