-- Sends packets of all flows at one rate and says every few seconds what went out and what came back.
--
--   HYPERNAT_PKTGEN_RATE      per cent of the device's speed; 5
--   HYPERNAT_PKTGEN_SECONDS   of each line; 5
--   HYPERNAT_PKTGEN_LINES     how many; 3
local flows = require("flows")
local trial = require("trial")

trial.main(function()
  local rate, seconds, lines = trial.setting("RATE", 5), trial.setting("SECONDS", 5), trial.setting("LINES", 3)
  flows.prepare()
  trial.warm_up()
  trial.say("%8s %12s %12s %12s %10s", "rate", "sent", "received", "packets/s", "lost")
  for _ = 1, lines do
    local seen = trial.run(rate, seconds)
    trial.say("%7.2f%% %12d %12d %12.0f %10d", rate, seen.sent, seen.received, seen.sent / seen.seconds,
      seen.sent - seen.received)
  end
end)
