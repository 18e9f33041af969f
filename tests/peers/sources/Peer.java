// A TLS partner from the Java runtime (JSSE). Arguments and habits: see tests/peers/partners.py, "Programs of ours".

import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Peer {
    static final int SIZE = 258;

    public static void main(String[] args) throws Exception {
        String role = args[0], host = args[1], name = args[3], version = "TLSv" + args[4];
        int port = Integer.parseInt(args[2]);
        SSLContext context = context(args[5], args[6], args[7]);
        if (role.equals("client")) {
            client(context, host, port, name, version);
        } else {
            server(context, host, port, version, args[8].equals("demand"));
        }
    }

    static void client(SSLContext context, String host, int port, String name, String version) throws Exception {
        byte[] data = System.in.readNBytes(SIZE);
        Socket raw = new Socket();
        raw.connect(new InetSocketAddress(InetAddress.getByName(host), port), 20_000);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(raw, name, port, true)) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            parameters.setProtocols(new String[] {version});
            socket.setSSLParameters(parameters);
            socket.getOutputStream().write(data);
            socket.getOutputStream().flush();
            socket.getInputStream().read(); // the server's end, or its alert
        }
    }

    static void server(SSLContext context, String host, int port, String version, boolean demand) throws Exception {
        try (SSLServerSocket listener = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(port, 8, InetAddress.getByName(host))) {
            listener.setEnabledProtocols(new String[] {version});
            listener.setNeedClientAuth(demand);
            System.out.println("READY");
            try (SSLSocket socket = (SSLSocket) listener.accept()) {
                InputStream stream = socket.getInputStream();
                System.out.write(stream.readNBytes(SIZE));
                System.out.flush();
                stream.read();
            }
        }
    }

    static SSLContext context(String ca, String cert, String key) throws Exception {
        CertificateFactory x509 = CertificateFactory.getInstance("X.509");
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        try (InputStream stream = new FileInputStream(ca)) {
            trust.setCertificateEntry("ca", x509.generateCertificate(stream));
        }
        TrustManagerFactory trusted = TrustManagerFactory.getInstance("PKIX");
        trusted.init(trust);
        KeyManagerFactory own = KeyManagerFactory.getInstance("SunX509");
        KeyStore held = KeyStore.getInstance("PKCS12");
        held.load(null, null);
        if (!cert.equals("-")) {
            try (InputStream stream = new FileInputStream(cert)) {
                Certificate[] chain = {x509.generateCertificate(stream)};
                held.setKeyEntry("own", privateKey(Path.of(key)), new char[0], chain);
            }
        }
        own.init(held, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), trusted.getTrustManagers(), null);
        return context;
    }

    static PrivateKey privateKey(Path path) throws Exception {
        String pem = Files.readString(path).replaceAll("-----[^-]+-----", "").replaceAll("\\s", "");
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem));
        try {
            return KeyFactory.getInstance("RSA").generatePrivate(spec);
        } catch (InvalidKeySpecException notRSA) {
            return KeyFactory.getInstance("EC").generatePrivate(spec);
        }
    }
}
