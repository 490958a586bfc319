import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Shows messages as Kafka's own JsonConverters do. Reads lines of name, version and bytes (in hex),
 * separated by tabs; writes them with the JSON as last column:
 *
 *   cut -f1-3 kafka-json.tsv | java -cp 'JARS' ToJson.java > kafka-json.tsv.new
 *
 * JARS are kafka-clients, kafka-metadata, the coordinators', kafka-raft, kafka-storage and Jackson.
 * Stops at bytes that Kafka reads otherwise than it would write them.
 */
public class ToJson {
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.",
        "org.apache.kafka.common.metadata.",
        "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated.",
        "org.apache.kafka.coordinator.share.generated.",
        "org.apache.kafka.raft.generated.",
        "org.apache.kafka.storage.internals.log.generated.",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.",
    };

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(line.startsWith("#") ? line : line + "\t" + json(line.split("\t")));
        }
    }

    private static String json(String[] columns) throws Exception {
        short version = Short.parseShort(columns[1]);
        byte[] bytes = HexFormat.of().parseHex(columns[2]);
        Class<?> kind = find(columns[0]);
        Message message = (Message) kind.getConstructor().newInstance();
        message.read(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), version);
        ByteBuffer again = MessageUtil.toByteBufferAccessor(message, version).buffer();
        if (!again.equals(ByteBuffer.wrap(bytes))) {
            throw new IllegalStateException(columns[0] + ": Kafka writes other bytes");
        }
        Class<?> converter = Class.forName(kind.getName() + "JsonConverter");
        Method write = converter.getMethod("write", kind, short.class, boolean.class);
        return ((JsonNode) write.invoke(null, message, version, false)).toString();
    }

    private static Class<?> find(String name) throws ClassNotFoundException {
        for (String place : PACKAGES) {
            for (String suffix : new String[] {"Data", ""}) {
                try {
                    return Class.forName(place + name + suffix);
                } catch (ClassNotFoundException elsewhere) {
                    // the next one
                }
            }
        }
        throw new ClassNotFoundException(name);
    }
}
