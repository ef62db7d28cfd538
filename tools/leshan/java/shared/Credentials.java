import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.stream.Stream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * The server's private key, its certificate with those above it, and the certificates it trusts.
 *
 * They come as one line of JSON, {"key": PKCS #8, "chain": [certificate ...], "trust": [...]}, all DER in
 * Base64; "{}" for a server that has none.
 */
final class Credentials {

    /** GCM, CCM with short and with long tags; no CBC. */
    private static final String[] PSK = { "TLS_PSK_WITH_AES_128_GCM_SHA256", "TLS_PSK_WITH_AES_128_CCM_8",
            "TLS_PSK_WITH_AES_128_CCM" };
    private static final String[] CERTIFICATE = { "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM" };

    final PrivateKey key;
    final X509Certificate[] chain;
    final X509Certificate[] trusted;

    private Credentials(PrivateKey key, X509Certificate[] chain, X509Certificate[] trusted) {
        this.key = key;
        this.chain = chain;
        this.trusted = trusted;
    }

    static Credentials parse(String line) throws IOException, GeneralSecurityException {
        JsonNode json = new ObjectMapper().readTree(line);
        X509Certificate[] chain = certificates(json.path("chain"));
        if (chain.length == 0) {
            return new Credentials(null, chain, chain);
        }
        byte[] der = Base64.getDecoder().decode(json.path("key").asText());
        PrivateKey key = KeyFactory.getInstance(chain[0].getPublicKey().getAlgorithm())
                .generatePrivate(new PKCS8EncodedKeySpec(der));
        return new Credentials(key, chain, certificates(json.path("trust")));
    }

    /** The names of the cipher suites that clients may choose from. */
    String[] suites() {
        return Stream.of(PSK, key == null ? new String[0] : CERTIFICATE).flatMap(Arrays::stream)
                .toArray(String[]::new);
    }

    private static X509Certificate[] certificates(JsonNode list) throws GeneralSecurityException {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        X509Certificate[] certificates = new X509Certificate[list.size()];
        for (int i = 0; i < certificates.length; i++) {
            byte[] der = Base64.getDecoder().decode(list.get(i).asText());
            certificates[i] = (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der));
        }
        return certificates;
    }
}
