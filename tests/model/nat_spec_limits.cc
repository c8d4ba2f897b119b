// What a tenant may do: each limit is asked before what it limits costs anything.
#include <algorithm>

#include "tests/model/nat_spec.h"

namespace hypernat::spec {

// As many at once as come in a second. What is refused takes nothing, not even the time that it was asked at.
bool NatSpec::take_token(Bucket& bucket, unsigned per_second) const {
  if (per_second == 0) return true;
  const Time level = std::min<Time>(Time{per_second} * 1000, bucket.level + (now_ - bucket.counted) * per_second);
  if (level < 1000) return false;
  bucket = {.counted = now_, .level = level - 1000};
  return true;
}

bool NatSpec::may_come(const Arrival& arrival) {
  const unsigned tenant = tenant_of(arrival);
  return take_token(packets_[tenant], table_.tenants.at(tenant).packets_per_second);
}

bool NatSpec::may_open_now(unsigned tenant) {
  return take_token(new_flows_[tenant], table_.tenants.at(tenant).new_flows_per_second);
}

// Where flows may be gone or not, what was seen tells.
bool NatSpec::too_many_flows(unsigned tenant, const Fate& seen) const {
  const unsigned limit = table_.tenants.at(tenant).flows;
  if (limit == 0) return false;
  const Range used = how_many([&](const Flow& flow) { return flow.tenant == tenant; });
  return used.surely >= limit || (used.at_most >= limit && seen.reason == "tenant_flow_limit");
}

// Whether a worker has no entry for another flow: surely, or at most. Of what it has, a tenant has a share; who is
// alone has all.
bool NatSpec::lacks(const std::string& what, unsigned tenant, unsigned worker, std::size_t Range::*how) const {
  if (what == "flow_share_full") {
    if (settings_.flows_per_tenant == 0 || table_.tenants.size() < 2) return false;
    const Range used = how_many([&](const Flow& flow) { return flow.tenant == tenant && flow.worker == worker; });
    return used.*how >= settings_.flows_per_tenant;
  }
  if (flows_.size() + swept_away_.size() < settings_.flows) return false;
  return how_many([&](const Flow& flow) { return flow.worker == worker; }).*how >= settings_.flows;
}

bool NatSpec::lacks_entry(unsigned tenant, unsigned worker, std::size_t Range::*how) const {
  return lacks("flow_share_full", tenant, worker, how) || lacks("flow_table_full", tenant, worker, how);
}

bool NatSpec::all_lack(const std::string& what, unsigned tenant, const Fate& seen) const {
  const auto how = seen.reason == what ? &Range::at_most : &Range::surely;
  for (unsigned worker = 0; worker < settings_.workers; ++worker)
    if (!lacks(what, tenant, worker, how)) return false;
  return true;
}

// What others own may have ended without a word of it yet: they may be.
bool NatSpec::redirects_are_full(unsigned tenant, unsigned worker) const {
  const auto used = [&](const auto& of_whom) {
    return how_many([&](const Flow& flow) { return flow.home == worker && flow.worker != worker && of_whom(flow); })
        .at_most;
  };
  if (used([](const Flow&) { return true; }) >= settings_.redirects) return true;
  if (settings_.redirects_per_tenant == 0 || table_.tenants.size() < 2) return false;
  return used([&](const Flow& flow) { return flow.tenant == tenant; }) >= settings_.redirects_per_tenant;
}

// Of the tenant, or else of all.
Time NatSpec::due(const Flow& flow) const {
  const Timeouts& own = table_.tenants.at(flow.tenant).timeouts;
  const auto after = [&](Time Timeouts::*timeout) {
    return flow.seen + (own.*timeout != 0 ? own.*timeout : settings_.timeouts.*timeout);
  };
  switch (flow.phase) {
    case Phase::kInit:
      return after(&Timeouts::tcp_opening);
    case Phase::kEstablished:
    case Phase::kInsideFin:
    case Phase::kRemoteFin:
      return after(&Timeouts::tcp_established);
    case Phase::kBothFins:
    case Phase::kTransitory:
      return after(&Timeouts::tcp_closing);
    case Phase::kDatagram:
      break;
  }
  return after(flow.inner.protocol == kUdp ? &Timeouts::udp : &Timeouts::icmp);
}

}  // namespace hypernat::spec
