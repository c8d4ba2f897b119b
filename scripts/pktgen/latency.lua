-- Sends packets that carry the time beside the others, and says after how long they came out of the data plane.
--
--   HYPERNAT_PKTGEN_RATES     per cent of the device's speed; 1,2,5,10
--   HYPERNAT_PKTGEN_SECONDS   of each line; 5
--   HYPERNAT_PKTGEN_EVERY     microseconds between two packets that carry the time; 1000
--
-- The time is in the payload, which a NAT leaves alone. When Pktgen shares a CPU with anything, only the least of the
-- times means something.
local flows = require("flows")
local trial = require("trial")

trial.main(function()
  local rates, seconds = trial.settings("RATES", "1,2,5,10"), trial.setting("SECONDS", 5)
  flows.prepare()
  trial.warm_up()
  trial.say("%8s %12s %10s %10s %10s %10s", "rate", "packets/s", "timed", "least us", "mean us", "most us")
  for _, rate in ipairs(rates) do
    for _, port in ipairs({flows.inside, flows.outside}) do
      pktgen.latency(port, "rate", trial.setting("EVERY", 1000))
      pktgen.latency(port, "enable")
    end
    pktgen.clr()
    local seen = trial.run(rate, seconds)
    local latency = pktgen.pktStats(flows.outside)[flows.outside].latency
    trial.say("%7.2f%% %12.0f %10d %10.2f %10.2f %10.2f", rate, seen.sent / seen.seconds, latency.num_pkts,
      latency.min_us, latency.avg_us, latency.max_us)
    for _, port in ipairs({flows.inside, flows.outside}) do
      pktgen.latency(port, "disable")
    end
  end
end)
