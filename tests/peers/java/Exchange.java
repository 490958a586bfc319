// Writes topics that have all that a log can hold, with Kafka's own clients, and says all that is in
// them, so that two brokers with the same files can be compared. Run by log_exchange.sh:
//   Exchange.java write HOST:PORT             creates the topics and fills them
//   Exchange.java read HOST:PORT TOPIC ...    prints what a reader sees of their partitions 0
import java.time.Duration;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

public class Exchange {
    static String bootstrap;
    static final Random random = new Random(6);

    public static void main(String[] args) throws Exception {
        bootstrap = args[1];
        try (Admin admin = Admin.create(common())) {
            if (args[0].equals("write")) {
                write(admin);
            } else {
                for (String topic : Arrays.copyOfRange(args, 2, args.length)) read(admin, topic);
            }
        }
        System.out.flush();
        Runtime.getRuntime().halt(0); // or the transaction left open would be aborted
    }

    static Map<String, Object> common() {
        return new HashMap<>(Map.of("bootstrap.servers", bootstrap));
    }

    static Producer<byte[], byte[]> producer(Object... settings) {
        Map<String, Object> all = common();
        for (int i = 0; i < settings.length; i += 2) all.put((String) settings[i], settings[i + 1]);
        all.put("transaction.timeout.ms", 900000);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    static String filler() {
        return random.ints(random.nextInt(60), 'a', 'z').mapToObj(Character::toString)
            .collect(Collectors.joining());
    }

    static void write(Admin admin) throws Exception {
        create(admin, "plain", 65536);
        create(admin, "codecs", 65536);
        create(admin, "transactions", 16384);
        create(admin, "open", 16384);
        create(admin, "compacted", 16384, TopicConfig.CLEANUP_POLICY_CONFIG, "compact",
            TopicConfig.MIN_CLEANABLE_DIRTY_RATIO_CONFIG, "0.01");
        plain();
        codecs();
        transactions("transactions", 60);
        open();
        compacted(admin);
    }

    static void create(Admin admin, String topic, int segment, String... settings) throws Exception {
        Map<String, String> all = new HashMap<>();
        all.put("retention.ms", "-1");
        all.put("internal.segment.bytes", String.valueOf(segment));
        for (int i = 0; i < settings.length; i += 2) all.put(settings[i], settings[i + 1]);
        NewTopic topicNew = new NewTopic(topic, 1, (short) 1).configs(all);
        admin.createTopics(List.of(topicNew)).all().get();
    }

    // not idempotent; old times that do not always ascend, tombstones, headers, no key, no value
    static void plain() {
        try (var producer = producer("enable.idempotence", false, "batch.size", 2000)) {
            for (int i = 0; i < 3000; i++) {
                long time = 1_700_000_000_000L + i * 10L - (i % 10 == 0 ? 500 : 0);
                List<Header> headers = i % 7 != 0 ? List.of() : List.of(
                    new RecordHeader("a", bytes("" + i)), new RecordHeader("a", null));
                byte[] key = i % 11 == 0 ? null : bytes("k" + i % 97);
                byte[] value = i % 50 == 0 ? null : bytes(i + filler());
                producer.send(new ProducerRecord<>("plain", 0, time, key, value, headers));
            }
        }
    }

    static void codecs() {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            try (var producer = producer("compression.type", codec, "batch.size", 4000)) {
                for (int i = 0; i < 800; i++) {
                    producer.send(new ProducerRecord<>("codecs", 0, bytes("k" + i), bytes(codec + filler())));
                }
            }
        }
    }

    // Of three producers in turn, with what has no transaction between. One in three is aborted.
    static void transactions(String topic, int count) {
        List<Producer<byte[], byte[]>> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            all.add(producer("transactional.id", topic + i, "linger.ms", 0));
            all.get(i).initTransactions();
        }
        boolean[] begun = new boolean[3];
        try (var plain = producer("linger.ms", 0)) {
            for (int i = 0; i < count * 3; i++) {
                int who = random.nextInt(3);
                var producer = all.get(who);
                if (!begun[who]) producer.beginTransaction();
                begun[who] = true;
                for (int n = random.nextInt(8); n >= 0; n--) {
                    producer.send(new ProducerRecord<>(topic, 0, bytes("p" + who), bytes(i + filler())));
                }
                producer.flush();
                if (random.nextInt(3) == 0) plain.send(new ProducerRecord<>(topic, 0, null, bytes("plain" + i)));
                plain.flush();
                if (random.nextInt(2) == 0) {
                    if (random.nextInt(3) == 0) producer.abortTransaction(); else producer.commitTransaction();
                    begun[who] = false;
                }
            }
        }
        for (int i = 0; i < 3; i++) {
            if (begun[i]) all.get(i).commitTransaction();
            all.get(i).close();
        }
    }

    // The same, and one that nobody ends.
    static void open() {
        transactions("open", 8);
        var producer = producer("transactional.id", "left-open");
        producer.initTransactions();
        producer.beginTransaction();
        for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>("open", 0, null, bytes("left" + i)));
        producer.flush();
        transactions("open", 4);
    }

    // Few keys, some of them deleted, in transactions too; ends once the cleaner has been there.
    static void compacted(Admin admin) throws Exception {
        try (var producer = producer("batch.size", 500, "linger.ms", 5)) {
            for (int i = 0; i < 4000; i++) {
                byte[] value = i % 40 < 3 ? null : bytes(i + filler());
                producer.send(new ProducerRecord<>("compacted", 0, bytes("k" + i % 60), value));
            }
        }
        transactions("compacted", 20);
        try (var producer = producer("batch.size", 500, "linger.ms", 5)) {
            for (int i = 0; i < 500; i++) {
                producer.send(new ProducerRecord<>("compacted", 0, bytes("k" + i % 70), bytes(i + filler())));
            }
        }
        long first = size(admin), before = first;
        for (int same = 0, tries = 0; same < 8; tries++) {
            if (tries > 300) throw new IllegalStateException("not cleaned: " + before);
            Thread.sleep(200);
            long now = size(admin);
            same = now == before && now < first / 2 ? same + 1 : 0;
            before = now;
        }
    }

    static long size(Admin admin) throws Exception {
        for (var directory : admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values()) {
            return directory.replicaInfos().get(new TopicPartition("compacted", 0)).size();
        }
        throw new IllegalStateException("no directory");
    }

    static void read(Admin admin, String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        var states = admin.describeProducers(List.of(partition)).partitionResult(partition).get();
        states.activeProducers().stream().sorted(Comparator.comparing(ProducerState::producerId))
            .forEach(state -> System.out.println(topic + " producer " + state.producerId()
                + " epoch " + state.producerEpoch() + " sequence " + state.lastSequence()
                + " time " + state.lastTimestamp()
                + " coordinator " + state.coordinatorEpoch().orElse(-1)
                + " open " + state.currentTransactionStartOffset().orElse(-1)));
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            Map<String, Object> settings = common();
            settings.put("isolation.level", isolation);
            settings.put("max.partition.fetch.bytes", 20000); // so that reading begins at many places
            settings.put("fetch.max.bytes", 20000);
            settings.put("auto.offset.reset", "none");
            var bytes = new ByteArrayDeserializer();
            try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
                consumer.assign(List.of(partition));
                long start = consumer.beginningOffsets(List.of(partition)).get(partition);
                long end = consumer.endOffsets(List.of(partition)).get(partition);
                System.out.println(topic + " " + isolation + " from " + start + " to " + end);
                SortedSet<Long> times = new TreeSet<>(List.of(0L));
                consumer.seek(partition, start);
                while (consumer.position(partition) < end) {
                    for (var record : consumer.poll(Duration.ofSeconds(10))) {
                        print(topic + " " + isolation, record);
                        if (record.offset() % 50 == 0) times.add(record.timestamp());
                        if (record.offset() % 70 == 0) times.add(record.timestamp() + 1);
                    }
                }
                for (long time : times) {
                    var found = consumer.offsetsForTimes(Map.of(partition, time)).get(partition);
                    System.out.println(topic + " " + isolation + " time " + time + ": " + found);
                }
            }
        }
        var newest = new TopicPartitionOffset(admin, partition);
        System.out.println(topic + " newest " + newest.text);
    }

    record TopicPartitionOffset(String text) {
        TopicPartitionOffset(Admin admin, TopicPartition partition) throws Exception {
            this(admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).partitionResult(partition)
                .get().toString());
        }
    }

    static void print(String where, ConsumerRecord<byte[], byte[]> record) {
        String headers = Stream.of(record.headers().toArray())
            .map(header -> header.key() + "=" + text(header.value())).collect(Collectors.joining(","));
        System.out.println(where + " " + record.offset() + " " + record.leaderEpoch().orElse(-1) + " "
            + record.timestampType() + " " + record.timestamp() + " " + text(record.key()) + " "
            + text(record.value()) + " " + headers);
    }

    static String text(byte[] bytes) {
        return bytes == null ? "null" : "'" + new String(bytes, java.nio.charset.StandardCharsets.UTF_8) + "'";
    }
}
