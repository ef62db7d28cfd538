import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.concurrent.Executors;

import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.server.bootstrap.DefaultBootstrapAuthorizer;
import org.eclipse.leshan.server.bootstrap.DefaultBootstrapSessionManager;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServer;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServerBuilder;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.CaliforniumBootstrapServerEndpointsProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coap.CoapBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coaps.CoapsBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.model.StandardBootstrapModelProvider;
import org.eclipse.leshan.server.security.BootstrapSecurityStoreAdapter;
import org.eclipse.leshan.server.security.InMemorySecurityStore;

import com.sun.net.httpserver.HttpServer;

/**
 * A bootstrap server of Leshan's libraries on loopback, with an HTTP API of its own.
 *
 * Its libraries are older than the LwM2M server's: of the newer release the bootstrap server is not
 * published. So it lives in a class loader of its own and shares none of its classes with the rest.
 */
public final class BootstrapServer {

    private BootstrapServer() {
    }

    /** Starts it; the ports are those of CoAP, CoAPS and HTTP, and are returned where they were 0. */
    public static int[] start(InetAddress address, int[] ports, String line) throws Exception {
        Configurations configurations = new Configurations();
        Sessions sessions = new Sessions();
        InMemorySecurityStore store = new InMemorySecurityStore();
        BootstrapSecurityStoreAdapter adapter = new BootstrapSecurityStoreAdapter(store);
        LeshanBootstrapServerBuilder builder = new LeshanBootstrapServerBuilder();
        builder.setSecurityStore(adapter);
        builder.setSessionManager(new DefaultBootstrapSessionManager(configurations,
                new StandardBootstrapModelProvider(), new DefaultBootstrapAuthorizer(adapter)));
        Credentials credentials = Credentials.parse(line);
        if (credentials.key != null) {
            builder.setPrivateKey(credentials.key);
            builder.setCertificateChain(credentials.chain);
            builder.setTrustedCertificates(credentials.trusted);
        }
        CaliforniumBootstrapServerEndpointsProvider.Builder endpoints = new CaliforniumBootstrapServerEndpointsProvider.Builder(
                new CoapBootstrapServerProtocolProvider(), new CoapsBootstrapServerProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.setAsList(DtlsConfig.DTLS_CIPHER_SUITES,
                Arrays.stream(credentials.suites()).map(CipherSuite::getTypeByName).toArray(CipherSuite[]::new));
        endpoints.setConfiguration(configuration);
        endpoints.addEndpoint(new InetSocketAddress(address, ports[0]), Protocol.COAP);
        endpoints.addEndpoint(new InetSocketAddress(address, ports[1]), Protocol.COAPS);
        builder.setEndpointsProviders(endpoints.build());
        LeshanBootstrapServer server = builder.build();
        server.addListener(sessions);
        server.start();
        HttpServer http = HttpServer.create(new InetSocketAddress(address, ports[2]), 0);
        http.setExecutor(Executors.newCachedThreadPool());
        http.createContext(SecurityApi.PATH, new BootstrapSecurityStore(store));
        http.createContext(Configurations.PATH, configurations);
        http.createContext(Sessions.PATH, sessions);
        http.start();
        return new int[] { server.getEndpoint(Protocol.COAP).getURI().getPort(),
                server.getEndpoint(Protocol.COAPS).getURI().getPort(), http.getAddress().getPort() };
    }
}
