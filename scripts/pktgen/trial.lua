-- One trial: sends at a rate for some seconds and says what went out and what came back.
--
-- Pktgen's counters are a second old at most, so a trial lets them settle before it reads them. A rate is in per cent of
-- what the device claims; on virtual devices that claim has nothing to do with the machine, and what counts is what was
-- sent. Settings come from the environment, so that a script needs no editing.
local flows = require("flows")

local trial = {}
local kSettleMilliseconds = 2500

function trial.setting(name, default)
  return tonumber(os.getenv("HYPERNAT_PKTGEN_" .. name)) or default
end

-- The numbers of a setting like "1,2,5".
function trial.settings(name, default)
  local numbers = {}
  for number in (os.getenv("HYPERNAT_PKTGEN_" .. name) or default):gmatch("[%d.]+") do
    numbers[#numbers + 1] = tonumber(number)
  end
  return numbers
end

-- To the terminal, and to a file when `run` asks for one.
function trial.say(...)
  local line = string.format(...)
  print(line)
  local path = os.getenv("HYPERNAT_PKTGEN_REPORT")
  if path == nil then return end
  local file = assert(io.open(path, "a"))
  file:write(line, "\n")
  file:close()
end

-- Packets so far: sent inside, and those of them that arrived outside (the data plane's ARP is none of them).
local function counted()
  local sent = pktgen.portStats(flows.inside, "port")[flows.inside].opackets
  local received = pktgen.portStats(flows.outside, "port")[flows.outside].ipackets
  return sent, received - pktgen.pktStats(flows.outside)[flows.outside].arp_pkts
end

-- Seconds since the machine started. Pktgen's delays are many short sleeps and take longer when its threads share a CPU.
local function now()
  local file = assert(io.open("/proc/uptime"))
  local seconds = file:read("n")
  file:close()
  return seconds
end

-- Sends and returns {seconds, sent, received}, the seconds as they really were.
function trial.run(percent, seconds)
  pktgen.set(flows.inside, "rate", percent)
  pktgen.delay(kSettleMilliseconds)
  local sent, received = counted()
  local began = now()
  pktgen.start(flows.inside)
  pktgen.delay(math.floor(seconds * 1000))
  pktgen.stop(flows.inside)
  local took = now() - began
  pktgen.delay(kSettleMilliseconds)
  local sent_after, received_after = counted()
  return {seconds = took, sent = sent_after - sent, received = received_after - received}
end

-- Runs a script's work and ends Pktgen, also when the work fails: by itself it would wait for commands then.
function trial.main(work)
  local good, problem = xpcall(work, debug.traceback)
  if not good then trial.say("failed: %s", problem) end
  pktgen.quit()
end

-- Opens the flows and lets the data plane find the router, so that a trial measures packets of open flows.
function trial.warm_up()
  trial.run(1, 2)
end

return trial
