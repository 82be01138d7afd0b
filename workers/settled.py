"""Whether every block that was begun is stored whole."""

from nats.js.client import JetStreamContext

from core.jetstream import messages
from workers.block import WRITERS, BlockRecord
from workers.ledger import LEDGER, block_in_hand
from workers.partition import STREAM, Partition


async def all_settled(jetstream: JetStreamContext) -> bool:
    """Whether nothing waits of each writer's last block, so that it is in all tables; what began later isn't looked at.

    What can be neither stored nor buried waits on, and is not in doubt.
    """
    bucket = await jetstream.key_value(LEDGER)
    for number in range(WRITERS):
        partition = Partition(number, WRITERS)
        record = await block_in_hand(bucket, partition.worker)
        if record and await _waits(jetstream, partition, record):
            return False
    return True


async def _waits(jetstream: JetStreamContext, partition: Partition, record: BlockRecord) -> bool:
    for subject in partition.subjects:
        async for message in messages(jetstream, STREAM, subject, record.first_seq):
            found = message.seq or 0
            if found > record.last_seq:
                break
            if found not in record.unburied:
                return True
    return False
