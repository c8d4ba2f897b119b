-- One trial at each of several rates, ascending, and the highest of them that lost nothing.
--
--   HYPERNAT_PKTGEN_RATES     per cent of the device's speed; 1,2,5,10,15,20,30,40
--   HYPERNAT_PKTGEN_SECONDS   of each trial; 5
--
-- At saturation Pktgen's sending starves its receiving: what is lost there, Pktgen itself may have lost.
local flows = require("flows")
local trial = require("trial")

trial.main(function()
  local rates, seconds = trial.settings("RATES", "1,2,5,10,15,20,30,40"), trial.setting("SECONDS", 5)
  flows.prepare()
  trial.warm_up()
  trial.say("%8s %12s %12s %12s %10s %9s", "rate", "sent", "received", "packets/s", "lost", "share")
  local best = nil
  for _, rate in ipairs(rates) do
    local seen = trial.run(rate, seconds)
    local lost = seen.sent - seen.received
    trial.say("%7.2f%% %12d %12d %12.0f %10d %8.4f%%", rate, seen.sent, seen.received, seen.sent / seen.seconds, lost,
      seen.sent > 0 and 100 * lost / seen.sent or 0)
    if lost == 0 and seen.sent > 0 then best = seen end
  end
  if best then
    trial.say("highest of these without loss: %.0f packets/s", best.sent / best.seconds)
  else
    trial.say("every one of these rates lost packets")
  end
end)
