// kafkajs. Its consumer always joins a group, so it produces and administers here; what it wrote
// is read by our client.
'use strict'

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require('kafkajs')
const lz4 = require('lz4-napi')
const snappy = require('kafkajs-snappy')
const zstd = require('@bokuweb/zstd-wasm')

const bootstrap = process.env.KAFKA_BOOTSTRAP_SERVERS
const topic = (name) => `${process.env.PEERS_PREFIX}-${name}`
const ok = (words) => console.log(`ok: ${words}`)
const lines = [...Array(1000).keys()].map(
  (i) => `line ${String(i + 1).padStart(6, '0')} of a text that any codec makes shorter`,
)
const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}
const firstTime = 1_700_000_000_000
const step = 1000
const messageBytesMax = 10_000
const oversized = crypto.randomBytes(20_000)

// kafkajs itself brings gzip only
const codec = (compress, decompress) => () => ({
  compress: async (encoder) => Buffer.from(compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
})
CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = codec(lz4.compressFrameSync, lz4.decompressFrameSync)
CompressionCodecs[CompressionTypes.ZSTD] = codec(zstd.compress, zstd.decompress)

const kafka = new Kafka({
  clientId: 'peer',
  brokers: [bootstrap],
  logLevel: logLevel.NOTHING,
  retry: { retries: 2 },
})

async function withProducer(options, work) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...options })
  await producer.connect()
  try {
    return await work(producer)
  } finally {
    await producer.disconnect()
  }
}

// the error that it must fail with, by kafkajs' name for it
async function fails(what, type, promise) {
  const error = await promise.then(
    () => assert.fail(`${what}: ${type} expected`),
    (error) => error,
  )
  const causes = [error, error.cause, ...(error.errors ?? [])]
  assert.ok(causes.some((cause) => cause?.type === type), `${what}: ${error}`)
}

async function config(admin, name, key) {
  const resources = [{ type: 2, name: topic(name) }]
  const described = await admin.describeConfigs({ resources, includeSynonyms: false })
  const entries = described.resources[0].configEntries
  return entries.find((entry) => entry.configName === key).configValue
}

async function create(admin) {
  const plain = ['keyed', 'times', ...Object.keys(codecs)]
  const small = [{ name: 'max.message.bytes', value: String(messageBytesMax) }]
  const topics = [
    ...plain.map((name) => ({ topic: topic(name), numPartitions: 1 })),
    { topic: topic('small'), numPartitions: 1, configEntries: small },
    { topic: topic('three'), numPartitions: 3 },
  ]
  assert.equal(await admin.createTopics({ topics, waitForLeaders: true }), true)
  assert.equal(await admin.createTopics({ topics: [topics.at(-1)] }), false, 'created twice')
  const listed = await admin.listTopics()
  for (const { topic } of topics) assert.ok(listed.includes(topic), `${topic} is not listed`)
  const described = await admin.fetchTopicMetadata({ topics: [topic('three')] })
  assert.equal(described.topics[0].partitions.length, 3)
  assert.equal(await config(admin, 'small', 'max.message.bytes'), String(messageBytesMax))
  ok('create')
  ok('describe')
}

async function produce() {
  const messages = lines.map((value) => ({ value }))
  await withProducer({}, async (producer) => {
    for (const [name, compression] of Object.entries(codecs)) {
      const [sent] = await producer.send({ topic: topic(name), compression, messages })
      assert.deepEqual([sent.errorCode, sent.baseOffset], [0, '0'], name)
      ok(name)
    }
    const headers = { a: ['1', '2'], b: '' }
    const keyed = [
      { key: 'ann', value: 'one', headers },
      { key: 'ann', value: null },
    ]
    await producer.send({ topic: topic('keyed'), messages: keyed })
    const spread = lines.map((_, i) => ({ key: `k${i}`, value: '' }))
    const sent = await producer.send({ topic: topic('three'), messages: spread })
    assert.deepEqual(sent.map((reply) => reply.partition).sort(), [0, 1, 2])
    ok('keys and headers')
  })
}

async function idempotence(admin) {
  const name = topic('idempotent')
  await admin.createTopics({ topics: [{ topic: name }], waitForLeaders: true })
  await withProducer({ idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
    for (let i = 0; i < 10; i++) {
      const messages = lines.slice(i * 100, i * 100 + 100).map((value) => ({ value }))
      const [sent] = await producer.send({ topic: name, messages })
      assert.equal(sent.baseOffset, String(i * 100))
    }
  })
  ok('idempotence')
}

async function times(admin) {
  const messages = [...Array(100).keys()].map((i) => ({
    value: String(i),
    timestamp: String(firstTime + i * step),
  }))
  await withProducer({}, (producer) => producer.send({ topic: topic('times'), messages }))
  const [ends] = await admin.fetchTopicOffsets(topic('times'))
  assert.deepEqual([ends.low, ends.high], ['0', '100'])
  ok('offsets')
  const last = firstTime + 99 * step
  // where there is none, kafkajs itself takes the end
  for (const [time, expected] of [[0, 0], [firstTime + 41 * step - 1, 41], [last, 99], [last + 1, 100]]) {
    const [found] = await admin.fetchTopicOffsetsByTimestamp(topic('times'), time)
    assert.equal(found.offset, String(expected), `at ${time}`)
  }
  ok('by timestamp')
}

async function errors(admin) {
  const unknown = 'UNKNOWN_TOPIC_OR_PARTITION'
  await withProducer({}, async (producer) => {
    const messages = [{ value: 'x' }]
    const missing = producer.send({ topic: topic('missing'), messages })
    await fails('send to an unknown topic', unknown, missing)
    const large = producer.send({ topic: topic('small'), messages: [{ value: oversized }] })
    await fails('an oversized record', 'MESSAGE_TOO_LARGE', large)
    const [sent] = await producer.send({ topic: topic('small'), messages })
    assert.equal(sent.baseOffset, '0')
  })
  const gone = admin.deleteTopics({ topics: [topic('missing')] })
  await fails('delete an unknown topic', unknown, gone)
  ok('unknown topic')
  ok('oversized record')
}

async function alterConfigs(admin) {
  const configEntries = [{ name: 'max.message.bytes', value: '5000' }]
  const resources = [{ type: 2, name: topic('times'), configEntries }]
  await admin.alterConfigs({ validateOnly: false, resources })
  assert.equal(await config(admin, 'times', 'max.message.bytes'), '5000')
  ok('alter configs')
}

async function deleteRecords(admin) {
  const partitions = [{ partition: 0, offset: '40' }]
  await admin.deleteTopicRecords({ topic: topic('times'), partitions })
  const [ends] = await admin.fetchTopicOffsets(topic('times'))
  assert.deepEqual([ends.low, ends.high], ['40', '100'])
  ok('delete records')
}

async function main() {
  await zstd.init()
  const admin = kafka.admin()
  await admin.connect()
  await create(admin)
  await produce()
  await idempotence(admin)
  await times(admin)
  await errors(admin)
  await alterConfigs(admin)
  await deleteRecords(admin)
  await admin.deleteTopics({ topics: [topic('three')] })
  assert.ok(!(await admin.listTopics()).includes(topic('three')), 'still listed')
  ok('delete')
  await admin.disconnect()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
