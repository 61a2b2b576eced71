"""What a step log says to the database, in one statement each: the run's row, the step and the event that tells of it.

In plain SQL, because SQLAlchemy's session takes seven ways there and back for the same, and compiles, and its rows are built by the way.
All are guarded by the attempt, and give no row when it is over. Their parts depend on ``run``, which changes and so locks the run's row:
whatever another attempt could write of the step is there before the statement sees it, or never comes.

They are committed to the disk like everything else (synchronous_commit stays on): a step's end that is lost would be a step done twice,
and the number of an event that somebody has seen must not come back as another's, even where the whole server is killed."""

from __future__ import annotations

_MINE = "id = %(run)s AND attempt = %(attempt)s AND state = 'running'"
_THIS = "run_id = %(run)s AND key = %(key)s"
_DONE = "state IN ('succeeded', 'skipped')"
_STEP = "node, key, kind, state, attempts"
_TOLD = """
INSERT INTO graph_events (run_id, number, kind, data)
SELECT %(run)s, run.changes, 'step', jsonb_build_object(
    'node', step.node, 'key', step.key, 'kind', step.kind, 'state', step.state, 'attempts', step.attempts, 'text', {text}
) FROM run, step
"""
_SILENT = _TOLD.format(text="''")

BEGIN = f"""
WITH run AS (
    UPDATE graph_runs SET changes = changes + 1,
    step_count = step_count + CASE WHEN EXISTS (SELECT FROM graph_steps WHERE {_THIS}) THEN 0 ELSE 1 END
    WHERE {_MINE} AND NOT EXISTS (SELECT FROM graph_steps WHERE {_THIS} AND {_DONE})
    RETURNING changes
), step AS (
    INSERT INTO graph_steps AS old (id, run_id, key, node, kind, attempts)
    SELECT %(id)s, %(run)s, %(key)s, %(node)s, %(kind)s, 1 FROM run
    ON CONFLICT (run_id, key) DO UPDATE SET state = 'running', attempts = old.attempts + 1, finished_at = NULL, error = NULL
    RETURNING {_STEP}, started_at, begun
), told AS ({_SILENT})
SELECT started_at, false AS done, NULL::jsonb AS result, begun AS unanswered FROM step
UNION ALL SELECT started_at, true, result, false FROM graph_steps WHERE {_THIS} AND {_DONE}
AND EXISTS (SELECT FROM graph_runs WHERE {_MINE})
"""  # noqa: S608 - of nothing but what stands above

END = f"""
WITH run AS (
    UPDATE graph_runs SET changes = changes + 1,
    prompt_tokens = prompt_tokens + %(prompt_tokens)s,
    completion_tokens = completion_tokens + %(completion_tokens)s,
    micros = micros + %(micros)s,
    tries = CASE WHEN %(state)s = 'failed' THEN tries ELSE 0 END,
    answers = CASE WHEN %(taken)s::text IS NULL THEN answers ELSE answers - %(taken)s::text END
    WHERE {_MINE} RETURNING changes
), step AS (
    UPDATE graph_steps SET state = %(state)s, finished_at = now(), model = %(model)s, error = %(error)s, begun = %(begun)s,
    attempts = attempts + %(more)s,
    result = coalesce(%(result)s, result),
    prompt_tokens = prompt_tokens + %(prompt_tokens)s,
    completion_tokens = completion_tokens + %(completion_tokens)s,
    micros = micros + %(micros)s
    FROM run WHERE {_THIS} RETURNING {_STEP}
), told AS ({_TOLD.format(text="%(told)s::text")})
SELECT FROM step
"""  # noqa: S608

WAIT = f"""
WITH run AS (UPDATE graph_runs SET changes = changes + 1 WHERE {_MINE} RETURNING changes),
step AS (UPDATE graph_steps SET state = 'waiting' FROM run WHERE {_THIS} RETURNING {_STEP}),
told AS ({_SILENT})
SELECT FROM step
"""  # noqa: S608

SENT = f"""
WITH run AS (SELECT FROM graph_runs WHERE {_MINE} FOR UPDATE)
UPDATE graph_steps SET begun = true FROM run WHERE {_THIS} RETURNING key
"""  # noqa: S608
