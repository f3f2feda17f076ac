"""Writes or reads with confluent-kafka (librdkafka) until SIGTERM, and reports the results as Kafka's verifiable
clients do: in lines of JSON.

work.py produce BOOTSTRAP TOPIC
work.py consume BOOTSTRAP TOPIC GROUP [RACK]
"""
import collections
import json
import os
import signal
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

os.nice(10)  # librdkafka's threads poll without a pause while all that may be under way is: nobody else is to wait for them

ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))


def tell(name, **fields):
    print(json.dumps({"name": name, **fields}), flush=True)


def produce(bootstrap, topic):
    def told(err, m):
        if err:
            tell("producer_send_error", value=m.value().decode(), message=str(err))
        else:
            # The broker says of some duplicates that they are, not where the first one is.
            tell("producer_send_success", value=m.value().decode(), partition=m.partition(), offset=-1 if m.offset() is None else m.offset())

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 0,
                         "message.timeout.ms": 0, "reconnect.backoff.max.ms": 1000, "retry.backoff.max.ms": 500})
    n = 0
    while not ended:
        producer.produce(topic, value=f"librdkafka.{n}", on_delivery=told)
        producer.poll(0)
        time.sleep(0.01)
        n += 1
    if producer.flush(60):
        tell("producer_send_error", message="records are left without an answer")


def watch(alive):
    """Restarts this process when librdkafka has reported no statistics for a while. Then its main thread waits for ever
    for another one, which happens when a broker leaves the cluster while it has a request for the end of a leader's
    epoch (confluentinc/librdkafka#5476)."""
    while time.monotonic() - alive[-1] < 15:
        time.sleep(1)
    tell("consumer_stuck", message="its threads wait for each other")
    if ended:
        os._exit(0)
    os.execv(sys.executable, [sys.executable, *sys.argv])


def consume(bootstrap, topic, group, rack=""):
    alive = collections.deque([time.monotonic()], maxlen=1)
    committing = False  # one at a time: librdkafka tries again what has failed, after what was sent since

    def committed(err, parts):
        nonlocal committing
        committing = False
        tell("offsets_committed", success=err is None, error=str(err or ""),
             offsets=[{"partition": p.partition, "offset": p.offset} for p in parts if not p.error])

    config = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
              "partition.assignment.strategy": "range", "session.timeout.ms": 10000, "heartbeat.interval.ms": 500,
              "reconnect.backoff.max.ms": 1000, "on_commit": committed,
              "statistics.interval.ms": 1000, "stats_cb": lambda _: alive.append(time.monotonic()),
              # Requests wait for the coordinator that is known until they time out, after a minute by default.
              "socket.timeout.ms": 10000, "coordinator.query.interval.ms": 2000}
    if rack:
        config["client.rack"] = rack
    consumer = Consumer(config)
    threading.Thread(target=watch, args=[alive], daemon=True).start()
    consumer.subscribe([topic])
    read = False
    while not ended:
        for m in consumer.consume(500, 0.2):
            if not m.error():
                tell("record_data", value=m.value().decode(), partition=m.partition(), offset=m.offset())
                read = True
            elif m.error().code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                tell("consumer_error", message=str(m.error()))
            elif m.error().code() in (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE):
                # librdkafka does not ask again where it should begin to read (confluentinc/librdkafka#5586).
                tell("consumer_stuck", message=str(m.error()))
                consumer.unsubscribe()
                consumer.subscribe([topic])
        if read and not committing:
            read, committing = False, True
            try:
                consumer.commit()
            except KafkaException as e:
                committed(e, [])
    consumer.close()


{"produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
