import java.io.File;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.model.VersionedModelProvider;
import org.eclipse.leshan.server.queue.StaticClientAwakeTimeProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;

/**
 * An LwM2M server of Leshan's libraries on loopback, with the HTTP API of Leshan's demo server.
 *
 * The demo server itself is not published; these are its libraries with a front of ours. Arguments
 * are pairs: --coap-port and --http-port (0 takes a free one), --models FILE (JSON), --block-size
 * BYTES, --awake-ms. The first line on standard output is "ready" and both ports. It ends with its
 * standard input, so it cannot outlive the program that started it.
 */
public final class Main {

    private Main() {
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        LeshanServer server = build(options, new InetSocketAddress(loopback, number(options, "--coap-port", 5683)));
        server.start();
        InetSocketAddress web = new InetSocketAddress(loopback, number(options, "--http-port", 8080));
        Http http = new Http(server, web);
        http.start();
        System.out.println("ready " + server.getEndpoint(Protocol.COAP).getURI().getPort() + " " + http.port());
        System.out.flush();
        while (System.in.read() >= 0) {
            // only the end counts
        }
        Runtime.getRuntime().halt(0);
    }

    private static int number(Map<String, String> options, String name, int otherwise) {
        return Integer.parseInt(options.getOrDefault(name, String.valueOf(otherwise)));
    }

    private static LeshanServer build(Map<String, String> options, InetSocketAddress address) throws Exception {
        LeshanServerBuilder builder = new LeshanServerBuilder();
        List<ObjectModel> models = ObjectLoader.loadAllDefault();
        if (options.containsKey("--models")) {
            models.addAll(Models.load(new File(options.get("--models")), models));
        }
        builder.setObjectModelProvider(new VersionedModelProvider(models));
        builder.setClientAwakeTimeProvider(new StaticClientAwakeTimeProvider(number(options, "--awake-ms", 93000)));
        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder(
                new CoapServerProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        if (options.containsKey("--block-size")) {
            int size = number(options, "--block-size", 512);
            configuration.set(CoapConfig.PREFERRED_BLOCK_SIZE, size);
            configuration.set(CoapConfig.MAX_MESSAGE_SIZE, size);
        }
        configuration.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, 1 << 20);
        configuration.set(CoapConfig.BLOCKWISE_STATUS_LIFETIME, 30, TimeUnit.SECONDS);
        endpoints.setConfiguration(configuration);
        endpoints.addEndpoint(address, Protocol.COAP);
        builder.setEndpointsProviders(endpoints.build());
        return builder.build();
    }
}
