package peers;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * What an expert of Kafka Streams would write instead: parse, fan out to person and table, count in rings of windows, compare with a mean and a
 * variance for each hour of the week. Far less than breachd does, in the same place.
 *
 * <p>Processor API, stores in memory behind a cache, exactly once. For an entity: 6 panes of 10 s and 12 of 5 min of count, failures and bytes; for
 * an entity and hour of the week: Welford's mean and variance of the counts of minutes. An alert once an entity and minute, when the count is more
 * than 6 standard deviations above the mean of 8 minutes or more. It works in order of arrival: over several partitions of a backlog its alerts are
 * not those of the lines in order of time.
 *
 * <p>Environment: BOOTSTRAP, TOPICS (with commas), OUT, GROUP, STATE_DIR, EXPECT (records), CODEC. Prints COMMITTED N as it goes on, and DONE when
 * the offsets of EXPECT records are committed and everything behind them is worked off.
 */
public final class Main {
    private static final int PANE_BYTES = 16;
    private static final int SHORT = 6;
    private static final int LONG = 12;
    private static final LongAdder FANNED_OUT = new LongAdder();
    private static final LongAdder TAKEN = new LongAdder();

    /** A line to one record for its person and one for its table, by event time. */
    static final class FanOut implements Processor<byte[], byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(Record<byte[], byte[]> line) {
            Parse.Activity activity = Parse.parse(line.value());
            if (activity == null) {
                return;
            }
            byte[] value = ByteBuffer.allocate(17)
                    .putLong(activity.at())
                    .putLong(activity.bytes())
                    .put((byte) (activity.failed() ? 1 : 0))
                    .array();
            context.forward(new Record<>("u:" + activity.user(), value, activity.at()));
            FANNED_OUT.increment();
            if (activity.table() != null) {
                context.forward(new Record<>("t:" + activity.table(), value, activity.at()));
                FANNED_OUT.increment();
            }
        }
    }

    /** One read and one write of each store for an event. */
    static final class Rings implements Processor<String, byte[], String, String> {
        private ProcessorContext<String, String> context;
        private KeyValueStore<String, byte[]> rings;
        private KeyValueStore<String, byte[]> baselines;

        @Override
        public void init(ProcessorContext<String, String> context) {
            this.context = context;
            rings = context.getStateStore("rings");
            baselines = context.getStateStore("baselines");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            ByteBuffer event = ByteBuffer.wrap(record.value());
            long at = event.getLong();
            long bytes = event.getLong();
            boolean failed = event.get() == 1;
            byte[] before = rings.get(record.key());
            byte[] after = before == null ? new byte[8 + (SHORT + LONG) * PANE_BYTES] : before.clone();
            ByteBuffer ring = ByteBuffer.wrap(after);
            long last = before == null ? at : ring.getLong(0);
            add(ring, 8, SHORT, at / 10_000, last / 10_000, bytes, failed);
            add(ring, 8 + SHORT * PANE_BYTES, LONG, at / 300_000, last / 300_000, bytes, failed);
            ring.putLong(0, Math.max(last, at));
            rings.put(record.key(), after);
            String alert = judge(record.key(), at / 60_000);
            if (alert != null) {
                context.forward(new Record<>(record.key(), alert, record.timestamp()));
            }
            TAKEN.increment();
        }

        private static void add(ByteBuffer ring, int from, int panes, long pane, long last, long bytes, boolean failed) {
            if (pane > last) {
                for (long empty = Math.max(last + 1, pane - panes + 1); empty <= pane; empty++) {
                    int at = from + (int) (empty % panes) * PANE_BYTES;
                    ring.putInt(at, 0).putInt(at + 4, 0).putLong(at + 8, 0);
                }
            } else if (pane <= last - panes) {
                return; // too late
            }
            int at = from + (int) (pane % panes) * PANE_BYTES;
            ring.putInt(at, ring.getInt(at) + 1);
            if (failed) {
                ring.putInt(at + 4, ring.getInt(at + 4) + 1);
            }
            ring.putLong(at + 8, ring.getLong(at + 8) + bytes);
        }

        /** Counts an event in its minute, learns the minute before once a new one begins, and compares. */
        private String judge(String entity, long minute) {
            long hourOfWeek = Math.floorMod(minute / 60 + 72, 168L);
            String key = entity + '|' + hourOfWeek;
            byte[] before = baselines.get(key);
            long open = minute;
            int count = 0;
            boolean alerted = false;
            int n = 0;
            double mean = 0;
            double squares = 0;
            if (before != null) {
                ByteBuffer stored = ByteBuffer.wrap(before);
                open = stored.getLong();
                count = stored.getInt();
                alerted = stored.get() == 1;
                n = stored.getInt();
                mean = stored.getDouble();
                squares = stored.getDouble();
            }
            if (minute > open) {
                n++;
                double off = count - mean;
                mean += off / n;
                squares += off * (count - mean);
                open = minute;
                count = 0;
                alerted = false;
            }
            String alert = null;
            if (minute == open) {
                count++;
            }
            if (!alerted && n >= 8) {
                double deviation = Math.max(1, Math.sqrt(squares / (n - 1)));
                double z = (count - mean) / deviation;
                if (z > 6) {
                    alerted = true;
                    alert = "{\"entity\":\"" + entity + "\",\"minute\":" + open + ",\"count\":" + count + ",\"mean\":" + mean + ",\"z\":" + z + "}";
                }
            }
            ByteBuffer stored = ByteBuffer.allocate(33);
            stored.putLong(open).putInt(count).put((byte) (alerted ? 1 : 0)).putInt(n).putDouble(mean).putDouble(squares);
            baselines.put(key, stored.array());
            return alert;
        }
    }

    public static void main(String[] arguments) throws Exception {
        List<String> topics = List.of(System.getenv("TOPICS").split(","));
        Serde<byte[]> bytes = Serdes.ByteArray();
        Serde<String> text = Serdes.String();
        StreamsBuilder builder = new StreamsBuilder();
        for (String name : List.of("rings", "baselines")) {
            KeyValueBytesStoreSupplier inMemory = Stores.inMemoryKeyValueStore(name);
            builder.addStateStore(Stores.keyValueStoreBuilder(inMemory, text, bytes).withCachingEnabled());
        }
        builder.stream(topics, Consumed.with(bytes, bytes))
                .process(FanOut::new)
                .repartition(Repartitioned.with(text, bytes).withName("entity").withNumberOfPartitions(8))
                .process(Rings::new, "rings", "baselines")
                .to(System.getenv("OUT"), Produced.with(text, text));
        try (KafkaStreams streams = new KafkaStreams(builder.build(), properties())) {
            streams.start();
            waitFor(topics, Long.parseLong(System.getenv("EXPECT")));
        }
    }

    private static Properties properties() {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("GROUP"));
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BOOTSTRAP"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("STATE_DIR"));
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
        properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        properties.put("compression.type", System.getenv("CODEC"));
        return properties;
    }

    private static void waitFor(List<String> topics, long expected) throws Exception {
        Map<String, Object> client = Map.of("bootstrap.servers", System.getenv("BOOTSTRAP"));
        long said = 0;
        try (Admin admin = Admin.create(client)) {
            while (said < expected || TAKEN.sum() < FANNED_OUT.sum()) {
                Thread.sleep(Duration.ofMillis(250).toMillis());
                long committed = committed(admin, topics);
                if (committed > said) {
                    said = committed;
                    System.out.println("COMMITTED " + said);
                }
            }
        }
        System.out.println("DONE");
        // Whoever measures ends this process.
        Thread.sleep(Duration.ofMinutes(1).toMillis());
    }

    private static long committed(Admin admin, List<String> topics) {
        try {
            return admin.listConsumerGroupOffsets(System.getenv("GROUP")).partitionsToOffsetAndMetadata().get().entrySet().stream()
                    .filter(entry -> entry.getValue() != null && topics.contains(entry.getKey().topic()))
                    .mapToLong(entry -> entry.getValue().offset())
                    .sum();
        } catch (Exception notYet) {
            return 0;
        }
    }
}
