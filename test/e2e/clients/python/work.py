"""Writes or reads with confluent-kafka (librdkafka) until SIGTERM, and tells what came of it as Kafka's verifiable clients do: in lines of JSON.

work.py produce BOOTSTRAP TOPIC
work.py consume BOOTSTRAP TOPIC GROUP [RACK]
"""
import json
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))


def tell(name, **fields):
    print(json.dumps({"name": name, **fields}), flush=True)


def produce(bootstrap, topic):
    def told(err, m):
        if err:
            tell("producer_send_error", value=m.value().decode(), message=str(err))
        else:
            tell("producer_send_success", value=m.value().decode(), partition=m.partition(), offset=m.offset())

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 0,
                         "message.timeout.ms": 0, "reconnect.backoff.max.ms": 1000, "retry.backoff.max.ms": 500})
    n = 0
    while not ended:
        producer.produce(topic, value=f"librdkafka.{n}", on_delivery=told)
        producer.poll(0.01)  # which sets the load, too
        n += 1
    if producer.flush(60):
        tell("producer_send_error", message="records are left without an answer")


def consume(bootstrap, topic, group, rack=""):
    config = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
              "partition.assignment.strategy": "range", "session.timeout.ms": 10000, "heartbeat.interval.ms": 500,
              "reconnect.backoff.max.ms": 1000,
              # A commit waits for the coordinator that is known until it times out, after a minute by default.
              "socket.timeout.ms": 10000, "coordinator.query.interval.ms": 2000}
    if rack:
        config["client.rack"] = rack
    consumer = Consumer(config)
    consumer.subscribe([topic])
    while not ended:
        ends = {}
        for m in consumer.consume(500, 0.2):
            if not m.error():
                tell("record_data", value=m.value().decode(), partition=m.partition(), offset=m.offset())
                ends[m.partition()] = m.offset() + 1
            elif m.error().code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                tell("consumer_error", message=str(m.error()))
        if not ends:
            continue
        try:
            consumer.commit(asynchronous=False)
            tell("offsets_committed", success=True, offsets=[{"partition": p, "offset": o} for p, o in ends.items()])
        except KafkaException as e:
            tell("offsets_committed", success=False, error=str(e))
            time.sleep(0.1)
    consumer.close()


{"produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
