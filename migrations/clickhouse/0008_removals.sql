-- When something was last removed from a project's data: an answer from before it must not be given after it (docs/decisions/0022).

CREATE TABLE IF NOT EXISTS removals
(
    project_id UInt64,
    -- In microseconds since 1970.
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY project_id;

-- What was deleted stays written in a mutation's text, whose ids these are: only the last one is kept, and a removal ends with one that names none.
ALTER TABLE events MODIFY SETTING finished_mutations_to_keep = 1;

ALTER TABLE schema_events MODIFY SETTING finished_mutations_to_keep = 1;

ALTER TABLE schema_properties MODIFY SETTING finished_mutations_to_keep = 1;

ALTER TABLE schema_values MODIFY SETTING finished_mutations_to_keep = 1;

ALTER TABLE person_activity MODIFY SETTING finished_mutations_to_keep = 1;

ALTER TABLE person_ties MODIFY SETTING finished_mutations_to_keep = 1;

ALTER TABLE person_traits MODIFY SETTING finished_mutations_to_keep = 1;

ALTER TABLE identified_ids MODIFY SETTING finished_mutations_to_keep = 1;
