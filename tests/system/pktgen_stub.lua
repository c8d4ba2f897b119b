-- Stands in for Pktgen 23.06: runs the script named, writes down every call, one a line with tabs between, and lets
-- counters grow as if nothing were lost. What Pktgen does not have, it does not have either.
local kKnown = {
  pktgen = {"clr", "delay", "latency", "pktStats", "portStats", "process", "quit", "screen", "set", "set_ipaddr", "set_mac",
            "set_proto", "set_range", "set_type", "start", "stop"},
  range = {"dst_ip", "dst_mac", "dst_port", "ip_proto", "pkt_size", "set_type", "src_ip", "src_mac", "src_port", "ttl"},
}
local sending, sent = false, 0

local function latency()
  return {num_pkts = 1, min_us = 1.0, avg_us = 1.0, max_us = 1.0}
end

local answers = {
  start = function() sending = true end,
  stop = function() sending = false end,
  delay = function(milliseconds) sent = sent + (sending and milliseconds or 0) end,
  portStats = function(port) return {[port] = {opackets = sent, ipackets = sent}} end,
  pktStats = function(port) return {[port] = {arp_pkts = 0, latency = latency()}} end,
}

local function recorder(group, name)
  return function(...)
    local words = {group .. "." .. name}
    for _, word in ipairs({...}) do words[#words + 1] = tostring(word) end
    io.stderr:write(table.concat(words, "\t"), "\n")
    if answers[name] then return answers[name](...) end
  end
end

local function group_of(group)
  local functions = {}
  for _, name in ipairs(kKnown[group]) do functions[name] = recorder(group, name) end
  return functions
end

pktgen = group_of("pktgen")
pktgen.range = group_of("range")
dofile(arg[1])
