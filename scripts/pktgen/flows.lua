-- What Pktgen sends: packets of many flows, from many environments to a few remote endpoints.
--
-- In range mode all fields step together, one step for each packet, and Pktgen prepares 24,576 packets for a queue and
-- then sends them round and round. Lengths without a common factor make every one of them a flow of its own; with equal
-- ones a thousand environments and a thousand ports would be a thousand flows. With each start Pktgen goes on where it
-- was, so that in the end all 509 x 9 x 7 flows are open. All of it lies inside table.yaml and
-- dataplane.yaml, which a test holds together.
local flows = {
  inside = 0,   -- Pktgen's port on the environments' side
  outside = 1,  -- and on the tenant's
  gateway_mac = "02:00:00:00:00:01",
  environment_mac = "02:00:00:00:00:02",
  router_mac = "02:00:00:00:00:03",
  router = "10.0.1.1",      -- answers for every remote endpoint
  interface = "10.0.1.4",
  environments = {first = "100.64.0.16", last = "100.64.2.12"},  -- 509
  source_ports = {first = 20000, last = 20008},                  -- 9
  remotes = {first = "10.0.2.16", last = "10.0.2.22"},           -- 7
  remote_port = 5001,
  frame_bytes = 64,  -- with its checksum, as Pktgen counts
}

local function cycle(field, range, increment)
  field(flows.inside, "start", range.first)
  field(flows.inside, "min", range.first)
  field(flows.inside, "max", range.last)
  field(flows.inside, "inc", increment)
end

local function constant(field, value, none)
  cycle(field, {first = value, last = value}, none)
end

-- The remote side only receives, and answers the data plane's ARP for the router.
local function prepare_router()
  pktgen.set_mac(flows.outside, "src", flows.router_mac)
  pktgen.set_ipaddr(flows.outside, "src", flows.router .. "/24")
  pktgen.set_ipaddr(flows.outside, "dst", flows.interface)
  pktgen.process(flows.outside, "on")
end

-- Packets that are made one by one, as those that carry a time; they take the "single" settings.
local function prepare_single()
  pktgen.set_type(flows.inside, "ipv4")
  pktgen.set_proto(flows.inside, "udp")
  pktgen.set_mac(flows.inside, "src", flows.environment_mac)
  pktgen.set_mac(flows.inside, "dst", flows.gateway_mac)
  pktgen.set_ipaddr(flows.inside, "src", flows.environments.first .. "/10")
  pktgen.set_ipaddr(flows.inside, "dst", flows.remotes.first)
  pktgen.set(flows.inside, "sport", flows.source_ports.first)
  pktgen.set(flows.inside, "dport", flows.remote_port)
  pktgen.set(flows.inside, "size", flows.frame_bytes)
  pktgen.set(flows.inside, "count", 0)
end

function flows.prepare()
  pktgen.screen("off")
  pktgen.stop("all")
  prepare_router()
  prepare_single()
  local range = pktgen.range
  range.set_type(flows.inside, "ipv4")
  range.ip_proto(flows.inside, "udp")
  range.src_mac(flows.inside, "start", flows.environment_mac)
  range.dst_mac(flows.inside, "start", flows.gateway_mac)
  cycle(range.src_ip, flows.environments, "0.0.0.1")
  cycle(range.src_port, flows.source_ports, 1)
  cycle(range.dst_ip, flows.remotes, "0.0.0.1")
  constant(range.dst_port, flows.remote_port, 0)
  constant(range.ttl, 64, 0)
  constant(range.pkt_size, flows.frame_bytes, 0)
  pktgen.set_range(flows.inside, "on")
end

return flows
