// Exercises a broker with KafkaJS: admin, a producer, a group of two members.
const assert = require('node:assert');
const { Kafka, logLevel, CompressionTypes } = require('kafkajs');

async function main(broker) {
  const kafka = new Kafka({ clientId: 'check', brokers: [broker], logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'js', numPartitions: 3 }] });

  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  for (let round = 0; round < 10; round++) {
    await producer.send({
      topic: 'js', compression: CompressionTypes.GZIP,
      messages: Array.from({ length: 30 }, (_, i) => ({ key: `k${i % 5}`, value: `${round * 30 + i}` })),
    });
  }

  const seen = new Map();
  let enough;
  const all = new Promise((resolve) => { enough = resolve; });
  const members = [];
  for (let i = 0; i < 2; i++) {
    const consumer = kafka.consumer({ groupId: 'js-group', sessionTimeout: 10000 });
    await consumer.connect();
    await consumer.subscribe({ topic: 'js', fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const last = seen.get(`at${partition}`) ?? -1;
        assert(Number(message.offset) >= last, `offset ${message.offset} after ${last} in partition ${partition}`);
        seen.set(`at${partition}`, Number(message.offset));
        seen.set(message.value.toString(), true);
        if (seen.size >= 300 + 3) enough();
      },
    });
    members.push(consumer);
  }
  await Promise.race([all, new Promise((_, reject) => setTimeout(() => reject(new Error(`${seen.size} of 303`)), 60000).unref())]);

  const description = await admin.describeGroups(['js-group']);
  assert.strictEqual(description.groups[0].protocolType, 'consumer');
  for (const m of members) await m.disconnect();
  const offsets = await admin.fetchTopicOffsets('js');
  assert.strictEqual(offsets.reduce((sum, o) => sum + Number(o.high), 0), 300);
  await admin.deleteGroups(['js-group']);
  await admin.deleteTopics({ topics: ['js'] });
  await producer.disconnect();
  await admin.disconnect();
  console.log('all checks passed');
}

main(process.argv[2]).catch((err) => { console.error(err); process.exit(1); });
