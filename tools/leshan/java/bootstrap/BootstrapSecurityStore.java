import org.eclipse.leshan.server.security.EditableSecurityStore;
import org.eclipse.leshan.server.security.SecurityInfo;

import com.fasterxml.jackson.databind.node.ArrayNode;

/** The credentials of the clients that ask for a bootstrap. */
final class BootstrapSecurityStore extends SecurityApi {

    private final EditableSecurityStore store;

    BootstrapSecurityStore(EditableSecurityStore store) {
        this.store = store;
    }

    @Override
    void add(String endpoint, String identity, byte[] key) throws Exception {
        store.add(SecurityInfo.newPreSharedKeyInfo(endpoint, identity, key));
    }

    @Override
    void add(String endpoint) throws Exception {
        store.add(SecurityInfo.newX509CertInfo(endpoint));
    }

    @Override
    boolean remove(String endpoint) {
        return store.remove(endpoint, true) != null;
    }

    @Override
    void list(ArrayNode clients) {
        store.getAll().forEach(info -> describe(clients, info.getEndpoint(), info.getPskIdentity()));
    }
}
