import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.model.VersionedModelProvider;
import org.eclipse.leshan.server.queue.StaticClientAwakeTimeProvider;
import org.eclipse.leshan.servers.security.EditableSecurityStore;
import org.eclipse.leshan.servers.security.InMemorySecurityStore;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coaps.CoapsServerProtocolProvider;

/**
 * An LwM2M server of Leshan's libraries on loopback, with the HTTP API of Leshan's demo server.
 *
 * The demo server itself is not published; these are its libraries with a front of ours. Arguments
 * are pairs: --coap-port, --coaps-port and --http-port (0 takes a free one), --models FILE (JSON),
 * --block-size BYTES, --awake-ms; --bootstrap CLASSPATH starts Leshan's bootstrap server beside it, at
 * --bootstrap-coap-port, --bootstrap-coaps-port and --bootstrap-http-port. The first line of standard
 * input is the servers' credentials (see Credentials). The first line on standard output is "ready" and
 * the ports: CoAP, CoAPS and HTTP, those of the bootstrap server behind them. It ends with its standard
 * input, so it cannot outlive the program that started it.
 */
public final class Main {

    private Main() {
    }

    public static void main(String[] arguments) {
        try {
            run(arguments);
            Runtime.getRuntime().halt(0);
        } catch (Exception fault) {
            fault.printStackTrace(); // threads of what did start would keep the process alive
            Runtime.getRuntime().halt(1);
        }
    }

    private static void run(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String credentials = input.readLine();
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        // two cores: one server starts on each
        CompletableFuture<int[]> bootstrap = CompletableFuture
                .supplyAsync(() -> bootstrap(options, loopback, credentials));
        EditableSecurityStore store = new InMemorySecurityStore();
        LeshanServer server = build(options, loopback, store, Credentials.parse(credentials));
        server.start();
        Http http = new Http(server, new InetSocketAddress(loopback, number(options, "--http-port", 8080)));
        http.serve(SecurityApi.PATH, new SecurityStore(store));
        http.start();
        StringBuilder ready = new StringBuilder("ready");
        for (Protocol protocol : List.of(Protocol.COAP, Protocol.COAPS)) {
            ready.append(" ").append(server.getEndpoint(protocol).getURI().getPort());
        }
        ready.append(" ").append(http.port());
        Arrays.stream(bootstrap.get()).forEach(port -> ready.append(" ").append(port));
        System.out.println(ready);
        System.out.flush();
        while (input.read() >= 0) {
            // only the end counts
        }
    }

    /** Starts the bootstrap server, if one is wanted, in a class loader of its own; returns its ports. */
    private static int[] bootstrap(Map<String, String> options, InetAddress address, String credentials) {
        if (!options.containsKey("--bootstrap")) {
            return new int[0];
        }
        int[] ports = { number(options, "--bootstrap-coap-port", 5685), number(options, "--bootstrap-coaps-port", 5686),
                number(options, "--bootstrap-http-port", 8081) };
        try {
            List<URL> places = new ArrayList<>();
            for (String place : options.get("--bootstrap").split(File.pathSeparator)) {
                places.add(new File(place).toURI().toURL());
            }
            ClassLoader loader = new URLClassLoader(places.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
            Thread.currentThread().setContextClassLoader(loader);
            return (int[]) loader.loadClass("BootstrapServer")
                    .getMethod("start", InetAddress.class, int[].class, String.class)
                    .invoke(null, address, ports, credentials);
        } catch (ReflectiveOperationException | java.net.MalformedURLException fault) {
            throw new IllegalStateException("no bootstrap server", fault);
        }
    }

    private static int number(Map<String, String> options, String name, int otherwise) {
        return Integer.parseInt(options.getOrDefault(name, String.valueOf(otherwise)));
    }

    private static LeshanServer build(Map<String, String> options, InetAddress address, EditableSecurityStore store,
            Credentials credentials) throws Exception {
        LeshanServerBuilder builder = new LeshanServerBuilder();
        List<ObjectModel> models = ObjectLoader.loadAllDefault();
        if (options.containsKey("--models")) {
            models.addAll(Models.load(new File(options.get("--models")), models));
        }
        builder.setObjectModelProvider(new VersionedModelProvider(models));
        builder.setClientAwakeTimeProvider(new StaticClientAwakeTimeProvider(number(options, "--awake-ms", 93000)));
        builder.setSecurityStore(store);
        if (credentials.key != null) {
            builder.setPrivateKey(credentials.key);
            builder.setCertificateChain(credentials.chain);
            builder.setTrustedCertificates(credentials.trusted);
        }
        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder(
                new CoapServerProtocolProvider(), new CoapsServerProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        if (options.containsKey("--block-size")) {
            int size = number(options, "--block-size", 512);
            configuration.set(CoapConfig.PREFERRED_BLOCK_SIZE, size);
            configuration.set(CoapConfig.MAX_MESSAGE_SIZE, size);
        }
        configuration.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, 1 << 20);
        configuration.set(CoapConfig.BLOCKWISE_STATUS_LIFETIME, 30, TimeUnit.SECONDS);
        configuration.setAsList(DtlsConfig.DTLS_CIPHER_SUITES,
                Arrays.stream(credentials.suites()).map(CipherSuite::getTypeByName).toArray(CipherSuite[]::new));
        endpoints.setConfiguration(configuration);
        endpoints.addEndpoint(new InetSocketAddress(address, number(options, "--coap-port", 5683)), Protocol.COAP);
        endpoints.addEndpoint(new InetSocketAddress(address, number(options, "--coaps-port", 5684)), Protocol.COAPS);
        builder.setEndpointsProviders(endpoints.build());
        return builder.build();
    }
}
