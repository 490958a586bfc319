import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.server.common.ApiMessageAndVersion;

/**
 * Prints golden.tsv: every message of Kafka at every version as Kafka's own classes write it and
 * as their JsonConverters show it. golden.sh says with what to run it; HEAD says what is printed.
 */
public class Golden {
    private static final String HEAD = """
        # Messages as Apache Kafka %s writes them: its own generated classes made the bytes, and
        # its own JsonConverters the JSON. Golden.java printed this file; golden.sh runs it. A message:
        # name, versions, and what stands in front: the version of the header of a request or
        # response, or the bytes before the key or value of a record or before a blob. Below it, for
        # these versions, a line for each set of values: name, bytes, JSON; "=" is the JSON of that
        # set in the versions before.
        #   full      every field set, none to its default; two items in each array
        #   tags      the same, with two tagged fields in every struct that Kafka does not know and
        #             its JSON does not show
        #   defaults  no field set
        #   nulls     null where it may be, no items elsewhere, -1 where it is not absurd
        #   inside    as nulls, but arrays of the message itself have one item, and others if they
        #             may not be null, so that nulls stand inside
        #   empties   empty strings, bytes and arrays, present structs, the largest numbers
        """;
    private static final String[] SCHEMAS = {"common/message/", "common/metadata/", "message/"};
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

    /** Offsets that Kafka always knows: nothing of it means something else by a negative one. */
    private static final Set<String> NEVER_NEGATIVE = Set.of(
        "AbortedTxn.firstOffset", "AbortedTxn.lastOffset", "AbortedTxn.lastStableOffset",
        "FetchSnapshotRequest.endOffset", "FetchSnapshotResponse.endOffset",
        "QuorumStateData.appliedOffset",
        "ReadShareGroupStateResponse.firstOffset", "ReadShareGroupStateResponse.lastOffset",
        "RemoteLogSegmentMetadataRecord.startOffset", "RemoteLogSegmentMetadataRecord.endOffset",
        "RemoteLogSegmentMetadataRecord.offset",
        "RemoteLogSegmentMetadataSnapshotRecord.startOffset",
        "RemoteLogSegmentMetadataSnapshotRecord.endOffset",
        "RemoteLogSegmentMetadataSnapshotRecord.offset",
        "ShareFetchResponse.firstOffset", "ShareFetchResponse.lastOffset",
        "ShareSnapshotValue.firstOffset", "ShareSnapshotValue.lastOffset",
        "ShareUpdateValue.firstOffset", "ShareUpdateValue.lastOffset",
        "VoteRequest.lastOffset",
        "WriteShareGroupStateRequest.firstOffset", "WriteShareGroupStateRequest.lastOffset");
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final JsonMapper MAPPER = JsonMapper.builder()
        .enable(JsonReadFeature.ALLOW_JAVA_COMMENTS)
        .enable(JsonReadFeature.ALLOW_UNESCAPED_CONTROL_CHARS)
        .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
        .build();

    private enum Values { FULL, TAGS, DEFAULTS, NULLS, INSIDE, EMPTIES }

    private record Line(String bytes, String json) { }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        String release = null;
        TreeMap<String, JsonNode> schemas = new TreeMap<>();
        for (String path : System.getProperty("java.class.path").split(":")) {
            try (JarFile jar = new JarFile(path)) {
                readSchemas(jar, schemas);
            }
            if (path.contains("kafka-clients-")) {
                release = path.replaceAll(".*kafka-clients-(.*)\\.jar", "$1");
            }
        }
        out.printf(HEAD, release);
        for (JsonNode schema : schemas.values()) {
            print(out, new Golden(schema));
        }
        out.flush();
        if (out.checkError()) {
            throw new IllegalStateException("standard output");
        }
    }

    private static void readSchemas(JarFile jar, Map<String, JsonNode> into) throws Exception {
        for (JarEntry entry : (Iterable<JarEntry>) jar.stream()::iterator) {
            String name = entry.getName();
            String folder = name.substring(0, name.lastIndexOf('/') + 1);
            if (Arrays.asList(SCHEMAS).contains(folder) && name.endsWith(".json")) {
                JsonNode schema = MAPPER.readTree(jar.getInputStream(entry));
                String message = schema.get("name").textValue();
                if (!schema.get("validVersions").textValue().equals("none")
                    && into.put(message, schema) != null) {
                    throw new IllegalStateException(message + " is there twice");
                }
            }
        }
    }

    /** Versions that do not differ stand together. */
    private static void print(PrintStream out, Golden message) throws Exception {
        int last = message.versions.last;
        Map<Values, Line> before = Map.of();
        for (int first = message.versions.first; first <= last; ) {
            String front = message.front(first);
            Map<Values, Line> lines = message.lines(first);
            int end = first;
            while (end < last && message.front(end + 1).equals(front)
                && message.lines(end + 1).equals(lines)) {
                end++;
            }
            out.println(message.name + "\t" + first + "-" + end + "\t" + front);
            for (Map.Entry<Values, Line> entry : lines.entrySet()) {
                Line line = entry.getValue();
                Line old = before.get(entry.getKey());
                boolean same = old != null && old.json.equals(line.json);
                String set = entry.getKey().name().toLowerCase(Locale.ROOT);
                String json = entry.getKey() == Values.TAGS ? "" : same ? "\t=" : "\t" + line.json;
                out.println("\t" + set + "\t" + line.bytes + json);
            }
            before = lines;
            first = end + 1;
        }
    }

    private record Versions(int first, int last) {
        static Versions of(JsonNode text, int max) {
            if (text == null || text.textValue().equals("none")) {
                return new Versions(1, 0);
            }
            String[] ends = text.textValue().replace("+", "-" + max).split("-");
            return new Versions(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]));
        }

        boolean contain(int version) {
            return first <= version && version <= last;
        }
    }

    private final String name;
    private final JsonNode schema;
    private final Versions versions;
    private final Versions flexible;
    private final Class<?> kind;
    private final Class<?> converter;
    private Values fill;
    private int version;
    /** Counts the values of one message, so that no two are the same. */
    private int next;
    /** How many structs are around a field. */
    private int depth;

    private Golden(JsonNode schema) throws Exception {
        this.schema = schema;
        name = schema.get("name").textValue();
        versions = Versions.of(schema.get("validVersions"), Short.MAX_VALUE);
        flexible = Versions.of(schema.get("flexibleVersions"), versions.last);
        kind = find(name);
        converter = Class.forName(kind.getName() + "JsonConverter");
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

    private Map<Values, Line> lines(int number) throws Exception {
        Map<Values, Line> lines = new EnumMap<>(Values.class);
        version = number;
        for (Values set : Values.values()) {
            if (set != Values.TAGS || flexible.contain(number)) {
                lines.put(set, line(set));
            }
        }
        if (lines.get(Values.INSIDE).equals(lines.get(Values.NULLS))) {
            lines.remove(Values.INSIDE);
        }
        return lines;
    }

    private Line line(Values set) throws Exception {
        fill = set == Values.TAGS ? Values.FULL : set;
        Message message = message();
        if (set == Values.TAGS) {
            addTags(message);
        }
        String bytes = written(message);
        Message again = empty();
        byte[] read = HexFormat.of().parseHex(bytes);
        again.read(new ByteBufferAccessor(ByteBuffer.wrap(read)), (short) version);
        if (!again.equals(message) || !written(again).equals(bytes)) {
            throw new IllegalStateException(name + " does not come back: " + message);
        }
        Method write = converter.getMethod("write", kind, short.class, boolean.class);
        Object json = write.invoke(null, message, (short) version, false);
        return new Line(bytes, MAPPER.writeValueAsString(json));
    }

    private Message empty() throws Exception {
        return (Message) kind.getConstructor().newInstance();
    }

    private Message message() throws Exception {
        if (fill == Values.DEFAULTS) {
            return empty();
        }
        next = 0;
        Method read = converter.getMethod("read", JsonNode.class, short.class);
        return (Message) read.invoke(null, struct(schema.get("fields")), (short) version);
    }

    private String written(Message message) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, (short) version));
        message.write(new ByteBufferAccessor(buffer), cache, (short) version);
        if (buffer.hasRemaining()) {
            throw new IllegalStateException(name + ": its size is wrong");
        }
        return HexFormat.of().formatHex(buffer.array());
    }

    /** Two tagged fields in each struct, found by reflection. */
    private static void addTags(Message message) throws Exception {
        message.unknownTaggedFields().add(new RawTaggedField(90, new byte[] {1, 2, 3}));
        message.unknownTaggedFields().add(new RawTaggedField(300, new byte[0]));
        Message absent = (Message) message.getClass().getConstructor().newInstance();
        for (Field field : message.getClass().getDeclaredFields()) {
            field.setAccessible(true);
            Object value = field.get(message);
            if (value instanceof Message && !value.equals(field.get(absent))) {
                addTags((Message) value);
            } else if (value instanceof Collection) {
                for (Object item : (Collection<?>) value) {
                    if (item instanceof Message) {
                        addTags((Message) item);
                    }
                }
            }
        }
    }

    /** What stands in front of the message, as Kafka's own serializers have it. */
    private String front(int number) throws Exception {
        version = number;
        fill = Values.FULL;
        JsonNode key = schema.get("apiKey");
        switch (schema.get("type").textValue()) {
            case "request":
                return "" + api(key).requestHeaderVersion((short) version);
            case "response":
                return "" + api(key).responseHeaderVersion((short) version);
            case "coordinator-key":
                return cut(MessageUtil.toCoordinatorTypePrefixedBytes((ApiMessage) message()));
            case "coordinator-value":
                return cut(MessageUtil.toVersionPrefixedBytes((short) version, message()));
            case "metadata":
                if (!kind.getPackageName().endsWith(".common.metadata")) {
                    return "-"; // a record of tiered storage, whose serializer is not public
                }
                ObjectSerializationCache cache = new ObjectSerializationCache();
                ApiMessageAndVersion record =
                    new ApiMessageAndVersion((ApiMessage) message(), (short) version);
                int size = MetadataRecordSerde.INSTANCE.recordSize(record, cache);
                ByteBuffer buffer = ByteBuffer.allocate(size);
                MetadataRecordSerde.INSTANCE.write(record, cache, new ByteBufferAccessor(buffer));
                return cut(buffer.array());
            default:
                return name.startsWith("ConsumerProtocol")
                    ? cut(MessageUtil.toVersionPrefixedBytes((short) version, message())) : "-";
        }
    }

    private static ApiMessageType api(JsonNode key) {
        return ApiMessageType.fromApiKey(key.shortValue());
    }

    private String cut(byte[] whole) throws Exception {
        String hex = HexFormat.of().formatHex(whole);
        String message = written(message());
        if (!hex.endsWith(message)) {
            throw new IllegalStateException(name + " is wrapped otherwise");
        }
        return hex.substring(0, hex.length() - message.length());
    }

    private ObjectNode struct(JsonNode fields) {
        ObjectNode struct = NODES.objectNode();
        depth++;
        for (JsonNode field : fields) {
            JsonNode carried = field.get(field.has("versions") ? "versions" : "taggedVersions");
            if (Versions.of(carried, versions.last).contain(version)) {
                struct.set(camel(field), value(field));
            }
        }
        depth--;
        return struct;
    }

    private static String camel(JsonNode field) {
        String name = field.get("name").textValue();
        return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
    }

    private JsonNode value(JsonNode field) {
        String type = field.get("type").textValue();
        boolean array = type.startsWith("[]");
        boolean outermost = array && depth == 1;
        boolean nulls = fill == Values.NULLS || fill == Values.INSIDE && !outermost;
        if (nulls && Versions.of(field.get("nullableVersions"), versions.last).contain(version)) {
            return NODES.nullNode();
        }
        if (!array) {
            return single(type, field);
        }
        ArrayNode items = NODES.arrayNode();
        int count = fill == Values.FULL ? 2 : fill == Values.INSIDE ? 1 : 0;
        for (int i = 0; i < count; i++) {
            items.add(single(type.substring(2), field));
        }
        return items;
    }

    private JsonNode single(String type, JsonNode field) {
        next++;
        boolean full = fill == Values.FULL;
        switch (type) {
            case "bool":
                boolean absent = field.has("default") && field.get("default").asBoolean();
                return NODES.booleanNode(absent != full);
            case "int8":
                return number(2, -1, Byte.MAX_VALUE, field);
            case "int16":
                return number(0x101, -1, Short.MAX_VALUE, field);
            case "int32":
                return number(0x1010101, -1, Integer.MAX_VALUE, field);
            case "int64":
                return number(0x101010101010101L, -1, Long.MAX_VALUE, field);
            case "uint16":
                return number(0xf001, 0, 0xffff, field);
            case "uint32":
                return number(0xf0000001L, 0, 0xffffffffL, field);
            case "float64":
                double other = fill == Values.EMPTIES ? Double.MAX_VALUE : -1;
                return NODES.numberNode(full ? next + 0.1 : other);
            case "uuid":
                return NODES.textNode((full ? new Uuid(next, ~next) : Uuid.ZERO_UUID).toString());
            case "string":
                return NODES.textNode(full ? text() : "");
            case "bytes":
                return NODES.binaryNode(full ? utf8(text()) : new byte[0]);
            case "records":
                return NODES.binaryNode(full ? batch() : new byte[0]);
            default:
                return struct(field.has("fields") ? field.get("fields") : common(type));
        }
    }

    private JsonNode number(long base, long least, long most, JsonNode field) {
        if (fill != Values.FULL) {
            long low = NEVER_NEGATIVE.contains(name + "." + camel(field)) ? 0 : least;
            return NODES.numberNode(fill == Values.EMPTIES ? most : low);
        }
        long number = base + (most == Byte.MAX_VALUE ? next % 100 : next);
        boolean absent = field.path("default").asText().equals(Long.toString(number));
        return NODES.numberNode(absent ? number + 100 : number);
    }

    /** No two alike; some need more bytes than they have letters, some a length of two bytes. */
    private String text() {
        String text = (next % 4 == 1 ? "\u00fc\u20ac" : "t") + next;
        return next % 32 == 2 ? text + "x".repeat(130) : text;
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private byte[] batch() {
        SimpleRecord record = new SimpleRecord(next, new byte[] {1}, utf8(text()));
        ByteBuffer batch = MemoryRecords.withRecords(Compression.NONE, record).buffer();
        byte[] bytes = new byte[batch.remaining()];
        batch.get(bytes);
        return bytes;
    }

    private JsonNode common(String type) {
        for (JsonNode struct : schema.get("commonStructs")) {
            if (struct.get("name").textValue().equals(type)) {
                return struct.get("fields");
            }
        }
        throw new IllegalStateException(name + " has no struct " + type);
    }
}
