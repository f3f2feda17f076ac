"""Exercises a broker with confluent-kafka (librdkafka): admin, producers of every codec, groups, seeks."""
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType

bootstrap = sys.argv[1]
replicas = int(sys.argv[2]) if len(sys.argv) > 2 else 1
admin = AdminClient({"bootstrap.servers": bootstrap})


def consume(consumer, count, seconds=30):
    """Returns count messages, in the order in which they came."""
    got, end = [], time.monotonic() + seconds
    while len(got) < count and time.monotonic() < end:
        m = consumer.poll(0.2)
        if m is None:
            continue
        if m.error():
            if m.error().code() == KafkaError._PARTITION_EOF:
                continue
            raise RuntimeError(m.error())
        got.append(m)
    assert len(got) == count, f"{len(got)} of {count} messages"
    return got


admin.create_topics([NewTopic("py", num_partitions=4, replication_factor=replicas)])["py"].result()
for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5})
    for i in range(500):
        producer.produce("py", key=f"{codec}-{i % 7}", value=f"{codec}-{i}", headers={"n": str(i)},
                         on_delivery=lambda err, _: err and failed.append(err))
        producer.poll(0)
    assert producer.flush(30) == 0 and not failed, failed

consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "py-group", "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "partition.assignment.strategy": "cooperative-sticky"})
consumer.subscribe(["py"])
messages = consume(consumer, 2500)
assert len({m.value() for m in messages}) == 2500
order = {}
for m in messages:
    n = int(dict(m.headers())["n"])
    codec = m.value().decode().rsplit("-", 1)[0]
    last = order.get((m.partition(), codec), -1)
    assert n > last, f"{m.value()} after {last} in partition {m.partition()}"
    order[(m.partition(), codec)] = n
consumer.commit(asynchronous=False)
committed = consumer.committed([TopicPartition("py", p) for p in range(4)])
assert sum(c.offset for c in committed) == 2500, committed
consumer.close()

# A second member takes up where the first has stopped.
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "py-group", "group.instance.id": "one",
                     "auto.offset.reset": "error", "session.timeout.ms": 6000})
consumer.subscribe(["py"])
late = Producer({"bootstrap.servers": bootstrap})
late.produce("py", b"latest")
late.flush(10)
values = {m.value() for m in consume(consumer, 1)}
assert values == {b"latest"}, values
consumer.close()

# Offsets by time, watermarks, seeks.
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
low, high = consumer.get_watermark_offsets(TopicPartition("py", 0))
assert low == 0 and high > 0, (low, high)
by_time = consumer.offsets_for_times([TopicPartition("py", 0, 0)])
assert by_time[0].offset == 0, by_time
consumer.assign([TopicPartition("py", 0, OFFSET_BEGINNING)])
assert consume(consumer, 1)[0].offset() == 0
consumer.close()

admin.create_partitions([NewPartitions("py", 6)])["py"].result()
resource = ConfigResource(ResourceType.TOPIC, "py")
assert admin.describe_configs([resource])[resource].result()["retention.ms"].value == "604800000"
assert len(admin.list_topics("py").topics["py"].partitions) == 6
groups = admin.list_consumer_groups().result()
assert "py-group" in {g.group_id for g in groups.valid}, groups.valid
admin.describe_consumer_groups(["py-group"])["py-group"].result()
admin.delete_topics(["py"])["py"].result()
print("all checks passed")
