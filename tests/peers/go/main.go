// sarama, by partitions: it needs no group for anything here.
package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

var (
	servers = []string{os.Getenv("KAFKA_BOOTSTRAP_SERVERS")}
	codecs  = []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy,
		sarama.CompressionLZ4, sarama.CompressionZSTD,
	}
)

const (
	firstTime       = 1_700_000_000_000
	step            = 1000
	messageBytesMax = "10000"
	sizeKey         = "max.message.bytes"
)

func ok(words string)          { fmt.Println("ok:", words) }
func topic(name string) string { return os.Getenv("PEERS_PREFIX") + "-" + name }

func fail(format string, words ...any) {
	fmt.Printf(format+"\n", words...)
	os.Exit(1)
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func equal[T comparable](what string, expected, got T) {
	if expected != got {
		fail("%s\nexpected: %v\ngot:      %v", what, expected, got)
	}
}

// fails: it must be this error, or one that wraps it
func fails(what string, expected, got error) {
	if !errors.Is(got, expected) {
		fail("%s\nexpected: %v\ngot:      %v", what, expected, got)
	}
}

func lines() []string {
	made := make([]string, 1000)
	for i := range made {
		made[i] = fmt.Sprintf("line %06d of a text that any codec makes shorter", i+1)
	}
	return made
}

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Retry.Max = 1
	config.Metadata.Retry.Max = 1
	config.Metadata.AllowAutoTopicCreation = false
	return config
}

func send(config *sarama.Config, messages ...*sarama.ProducerMessage) error {
	producer := must(sarama.NewSyncProducer(servers, config))
	defer producer.Close()
	err := producer.SendMessages(messages)
	if many := (sarama.ProducerErrors{}); errors.As(err, &many) {
		return many[0].Err
	}
	return err
}

func toMessages(name string, lines []string) []*sarama.ProducerMessage {
	messages := make([]*sarama.ProducerMessage, len(lines))
	for i, line := range lines {
		messages[i] = &sarama.ProducerMessage{Topic: topic(name), Value: sarama.StringEncoder(line)}
	}
	return messages
}

// one partition: the offsets are 0, 1, 2 ...
func inOrder(what string, messages []*sarama.ProducerMessage) {
	for i, message := range messages {
		equal(what+": an offset", int64(i), message.Offset)
	}
}

func read(name string, count int, offset int64) []*sarama.ConsumerMessage {
	consumer := must(sarama.NewConsumer(servers, config()))
	defer consumer.Close()
	partition := must(consumer.ConsumePartition(topic(name), 0, offset))
	defer partition.Close()
	var records []*sarama.ConsumerMessage
	for len(records) < count {
		select {
		case record := <-partition.Messages():
			records = append(records, record)
		case <-time.After(30 * time.Second):
			fail("%s: only %d of %d records", name, len(records), count)
		}
	}
	return records
}

func sameLines(what string, expected []string, got []*sarama.ConsumerMessage) {
	equal(what+": number of records", len(expected), len(got))
	for i, record := range got {
		equal(what+": a record", expected[i], string(record.Value))
	}
}

func setting(admin sarama.ClusterAdmin, name, key string) string {
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: topic(name)}
	for _, entry := range must(admin.DescribeConfig(resource)) {
		if entry.Name == key {
			return entry.Value
		}
	}
	return "not there"
}

func create(admin sarama.ClusterAdmin) {
	names := []string{"keyed", "idempotent", "times"}
	for _, codec := range codecs {
		names = append(names, codec.String())
	}
	for _, name := range names {
		check(admin.CreateTopic(topic(name), &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false))
	}
	size := messageBytesMax
	check(admin.CreateTopic(topic("small"), &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{sizeKey: &size},
	}, false))
	three := &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: -1}
	check(admin.CreateTopic(topic("three"), three, false))
	fails("created twice", sarama.ErrTopicAlreadyExists, admin.CreateTopic(topic("three"), three, false))
	listed := must(admin.ListTopics())
	for _, name := range append(names, "small") {
		equal("partitions of "+name, 1, listed[topic(name)].NumPartitions)
	}
	equal("partitions", 3, listed[topic("three")].NumPartitions)
	equal("a config", messageBytesMax, setting(admin, "small", sizeKey))
	ok("create")
	ok("describe")
}

func compress() {
	for _, codec := range codecs {
		config := config()
		config.Producer.Compression = codec
		config.Producer.Flush.Messages = 100
		config.Producer.Flush.Frequency = 20 * time.Millisecond
		messages := toMessages(codec.String(), lines())
		check(send(config, messages...))
		inOrder(codec.String(), messages)
		sameLines(codec.String(), lines(), read(codec.String(), len(messages), 0))
		ok(codec.String())
	}
	ours := read("ours", 5000, sarama.OffsetOldest)
	for part := range slices.Chunk(ours, 1000) {
		sameLines("written by our client", lines(), part)
	}
}

func keysAndHeaders() {
	header := func(key, value string) sarama.RecordHeader {
		return sarama.RecordHeader{Key: []byte(key), Value: []byte(value)}
	}
	name, ann := topic("keyed"), sarama.StringEncoder("ann")
	headers := []sarama.RecordHeader{header("a", "1"), header("b", ""), header("a", "2")}
	one := sarama.ProducerMessage{Topic: name, Key: ann, Value: sarama.StringEncoder("one"), Headers: headers}
	check(send(config(), &one))
	check(send(config(), &sarama.ProducerMessage{Topic: name, Key: ann}))
	var spread []*sarama.ProducerMessage
	for i := range 300 {
		key := sarama.StringEncoder(fmt.Sprint("k", i))
		spread = append(spread, &sarama.ProducerMessage{Topic: topic("three"), Key: key})
	}
	check(send(config(), spread...))
	used := map[int32]bool{}
	for _, message := range spread {
		used[message.Partition] = true
	}
	equal("partitions by key", 3, len(used))
	records := read("keyed", 2, 0)
	equal("key and value", "ann one", string(records[0].Key)+" "+string(records[0].Value))
	var found bytes.Buffer
	for _, header := range records[0].Headers {
		fmt.Fprintf(&found, "%s=%s ", header.Key, header.Value)
	}
	equal("headers", "a=1 b= a=2 ", found.String())
	equal("a tombstone", true, records[1].Value == nil && string(records[1].Key) == "ann")
	ok("keys and headers")
}

func idempotence() {
	config := config()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Flush.MaxMessages = 20
	messages := toMessages("idempotent", lines())
	check(send(config, messages...))
	inOrder("idempotent", messages)
	sameLines("idempotent", lines(), read("idempotent", len(messages), 0))
	ok("idempotence")
}

func byOffsetAndTime() {
	var messages []*sarama.ProducerMessage
	for i := range int64(100) {
		at := time.UnixMilli(firstTime + i*step)
		value := sarama.StringEncoder(fmt.Sprint(i))
		messages = append(messages, &sarama.ProducerMessage{Topic: topic("times"), Value: value, Timestamp: at})
	}
	check(send(config(), messages...))
	for i, record := range read("times", 40, 60) {
		equal("from an offset", int64(60+i), record.Offset)
		equal("a timestamp", firstTime+record.Offset*step, record.Timestamp.UnixMilli())
	}
	ok("by offset")
	client := must(sarama.NewClient(servers, config()))
	defer client.Close()
	last := int64(firstTime + 99*step)
	for time, expected := range map[int64]int64{
		sarama.OffsetOldest: 0, sarama.OffsetNewest: 100, 0: 0, firstTime + 41*step - 1: 41, last: 99, last + 1: -1,
	} {
		found := must(client.GetOffset(topic("times"), 0, time))
		equal(fmt.Sprint("at ", time), expected, found)
	}
	ok("by timestamp")
}

func failures(admin sarama.ClusterAdmin) {
	unknown := sarama.ErrUnknownTopicOrPartition
	err := send(config(), toMessages("missing", []string{"x"})...)
	fails("send to an unknown topic", unknown, err)
	client := must(sarama.NewClient(servers, config()))
	defer client.Close()
	_, err = client.GetOffset(topic("missing"), 0, sarama.OffsetNewest)
	fails("the end of an unknown topic", unknown, err)
	fails("delete an unknown topic", unknown, admin.DeleteTopic(topic("missing")))
	ok("unknown topic")
	fails("an oversized record", sarama.ErrMessageSizeTooLarge, oversized("small"))
	small := toMessages("small", []string{"small"})
	check(send(config(), small...))
	inOrder("a small one", small)
	ok("oversized record")
}

func oversized(name string) error {
	random := make([]byte, 20_000)
	must(rand.Read(random))
	return send(config(), &sarama.ProducerMessage{Topic: topic(name), Value: sarama.ByteEncoder(random)})
}

func alterConfigs(admin sarama.ClusterAdmin) {
	value := "5000"
	entry := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
	entries := map[string]sarama.IncrementalAlterConfigsEntry{sizeKey: entry}
	check(admin.IncrementalAlterConfig(sarama.TopicResource, topic("times"), entries, false))
	equal("altered", value, setting(admin, "times", sizeKey))
	fails("more than was altered", sarama.ErrMessageSizeTooLarge, oversized("times"))
	ok("alter configs")
}

func deleteRecords(admin sarama.ClusterAdmin) {
	check(admin.DeleteRecords(topic("times"), map[int32]int64{0: 40}))
	equal("the new start", int64(40), read("times", 1, sarama.OffsetOldest)[0].Offset)
	consumer := must(sarama.NewConsumer(servers, config()))
	defer consumer.Close()
	_, err := consumer.ConsumePartition(topic("times"), 0, 39)
	fails("below the start", sarama.ErrOffsetOutOfRange, err)
	ok("delete records")
}

func logDirs(admin sarama.ClusterAdmin) {
	brokers, _, err := admin.DescribeCluster()
	check(err)
	var size int64
	for _, dirs := range must(admin.DescribeLogDirs([]int32{brokers[0].ID()})) {
		for _, dir := range dirs {
			for _, found := range dir.Topics {
				if found.Topic == topic("times") {
					size = found.Partitions[0].Size
				}
			}
		}
	}
	equal("a size in the log dirs", true, size > 0)
	ok("log dirs")
}

func main() {
	admin := must(sarama.NewClusterAdmin(servers, config()))
	create(admin)
	compress()
	keysAndHeaders()
	idempotence()
	byOffsetAndTime()
	failures(admin)
	alterConfigs(admin)
	deleteRecords(admin)
	logDirs(admin)
	check(admin.DeleteTopic(topic("three")))
	_, there := must(admin.ListTopics())[topic("three")]
	equal("still listed", false, there)
	ok("delete")
	check(admin.Close())
}
