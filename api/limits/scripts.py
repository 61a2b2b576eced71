"""What Redis does in one step, so that replicas never count past each other. Times are Redis's own, since clocks of replicas differ.

A subject's counter is a hash: ``window`` (number of the minute), ``asked`` and ``before`` (requests in it and in the one before it),
``day``, ``tokens``, ``month``, ``cost`` (billionths). The rate is a sliding window of two counters: the last minute's requests count in
proportion to how much of it still lies within sixty seconds. Without ``day`` it is not known yet what was used (see SEED). Days and months
are numbers that only grow, so a replica whose clock is behind changes nothing.

A subject's open requests are a sorted set: each by the moment (ms) at which it stops counting unless it is renewed.
"""

from __future__ import annotations

KEEP_S = 40 * 86400

# KEYS: counter and open set of each subject. ARGV: minute and lease (ms), day, month, 1 to take or 0 to look, id of what is to be held open
# or '', then of each subject its most requests, tokens, open requests and cost; 0 for no limit.
# Nothing is taken where one refuses, nor anything to be held open where one is not known.
# Returns who refuses (0: nobody) and what (see REASONS), then of each subject: known, requests left, ms until one more is taken, ms until
# all are there again, tokens, cost, open.
ADMIT = f"""
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local minute, lease, day, month = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local window, share = math.floor(now / minute), (now % minute) / minute
local answer, states, refused, strangers = {{0, 0}}, {{}}, false, false
local function refuse(subject, reason)
  if not refused then refused = true; answer[1] = subject; answer[2] = reason end
end
for i = 1, #KEYS / 2 do
  local counter, held = KEYS[2 * i - 1], KEYS[2 * i]
  local at = 2 + 4 * i
  local most, tokens_most = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local open_most, cost_most = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local kept = redis.call('HMGET', counter, 'window', 'asked', 'before', 'day', 'tokens', 'month', 'cost')
  local old, asked, before = tonumber(kept[1] or 0), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
  if old == window - 1 then asked, before = 0, asked elseif old < window then asked, before = 0, 0 end
  local tokens = (tonumber(kept[4] or 0) >= day) and tonumber(kept[5] or 0) or 0
  local cost = (tonumber(kept[6] or 0) >= month) and tonumber(kept[7] or 0) or 0
  local used, wait, whole = before * (1 - share) + asked, 0, 0
  if most > 0 and used + 1 > most then
    if asked + 1 > most then
      wait = (1 - share) + math.max(0, 1 - (most - 1) / asked)
    else
      wait = 1 - (most - 1 - asked) / before - share
    end
  end
  if asked > 0 then whole = 2 - share elseif before > 0 then whole = 1 - share end
  redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
  local open = redis.call('ZCARD', held)
  if cost_most > 0 and cost >= cost_most then refuse(i, 4) end
  if tokens_most > 0 and tokens >= tokens_most then refuse(i, 3) end
  if wait > 0 then refuse(i, 1) end
  if open_most > 0 and open >= open_most and ARGV[6] ~= '' then refuse(i, 2) end
  if not kept[4] then strangers = true end
  states[i] = {{asked, before, old ~= window}}
  local left = math.max(0, math.floor(most - used))
  for _, value in ipairs({{kept[4] and 1 or 0, left, math.ceil(wait * minute), math.ceil(whole * minute), tokens, cost, open}}) do
    answer[#answer + 1] = value
  end
end
if ARGV[5] == '1' and not refused and not (strangers and ARGV[6] ~= '') then
  for i = 1, #KEYS / 2 do
    local counter, held, state = KEYS[2 * i - 1], KEYS[2 * i], states[i]
    redis.call('HSET', counter, 'window', window, 'asked', state[1] + 1, 'before', state[2])
    if state[3] then redis.call('EXPIRE', counter, {KEEP_S}) end
    if ARGV[6] ~= '' then
      redis.call('ZADD', held, string.format('%.0f', now + lease), ARGV[6])
      redis.call('PEXPIRE', held, 2 * lease)
    end
    local at = 2 + 7 * (i - 1)
    answer[at + 2] = math.max(0, answer[at + 2] - 1)
    answer[at + 4] = math.ceil((2 - share) * minute)
    if ARGV[6] ~= '' then answer[at + 7] = answer[at + 7] + 1 end
  end
end
return answer
"""
REASONS = ("requests", "concurrent", "tokens", "budget")

# KEYS: counter of a subject. ARGV: day, tokens of it, month, cost in it. For a counter that Redis has not seen, or has lost.
SEED = f"""
if redis.call('HEXISTS', KEYS[1], 'day') == 0 then
  redis.call('HSET', KEYS[1], 'day', ARGV[1], 'tokens', ARGV[2], 'month', ARGV[3], 'cost', ARGV[4])
  redis.call('EXPIRE', KEYS[1], {KEEP_S})
end
"""

# KEYS: open sets. ARGV: lease (ms), then ids, one for each set. What has lapsed is taken up again: whoever renews it is alive.
RENEW = """
local clock = redis.call('TIME')
local until_ms = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1])
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], until_ms, ARGV[i + 1])
  redis.call('PEXPIRE', KEYS[i], 2 * ARGV[1])
end
"""

# KEYS: what this process has sent, counts that are to be moved to the database, then counters of subjects.
# ARGV: number of this sending, seconds the first key is kept, JSON of the entries: {subjects (places among the counters, from 1), day,
# month, tokens, cost, amounts by field}. A sending that arrives twice, because its answer was lost, counts once.
RECORD = """
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
for _, entry in ipairs(cjson.decode(ARGV[3])) do
  for field, amount in pairs(entry.amounts) do redis.call('HINCRBY', KEYS[2], field, amount) end
  for _, place in ipairs(entry.subjects) do
    local counter = KEYS[2 + place]
    local kept = redis.call('HMGET', counter, 'day', 'month')
    if kept[1] then
      if tonumber(kept[1]) < entry.day then redis.call('HSET', counter, 'day', entry.day, 'tokens', 0) end
      if tonumber(kept[2]) < entry.month then redis.call('HSET', counter, 'month', entry.month, 'cost', 0) end
      if tonumber(kept[1]) <= entry.day then redis.call('HINCRBY', counter, 'tokens', entry.tokens) end
      if tonumber(kept[2]) <= entry.month then redis.call('HINCRBY', counter, 'cost', entry.cost) end
    end
  end
end
return 1
"""

# KEYS: counts to be moved, set of batches, and the batch they become. ARGV: id of the batch. What is recorded from now on starts anew.
CUT = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[3])
  redis.call('SADD', KEYS[2], ARGV[1])
end
return redis.call('SMEMBERS', KEYS[2])
"""
