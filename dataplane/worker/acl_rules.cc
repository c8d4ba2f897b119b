// LongRules on DPDK's rte_acl: a trie that looks at every byte of the question once, however many rules there are.
#include <rte_acl.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <string>

#include "dataplane/nat/long_rules.h"

namespace hypernat::dataplane {
namespace {

// What a context is asked, all of it in network order.
struct Question {
  std::uint8_t protocol = 0;
  std::array<std::uint8_t, 3> unused{};
  std::uint32_t destination = 0;
  std::uint16_t port_or_type = 0;
  std::uint16_t code = 0;
};

constexpr std::uint32_t kFields = 4;
// The first field must be of one byte, what follows comes four bytes at a time; the last two share theirs.
constexpr std::array<rte_acl_field_def, kFields> kFieldDefinitions = {{
    {RTE_ACL_FIELD_TYPE_BITMASK, sizeof(std::uint8_t), 0, 0, offsetof(Question, protocol)},
    {RTE_ACL_FIELD_TYPE_MASK, sizeof(std::uint32_t), 1, 1, offsetof(Question, destination)},
    {RTE_ACL_FIELD_TYPE_RANGE, sizeof(std::uint16_t), 2, 2, offsetof(Question, port_or_type)},
    {RTE_ACL_FIELD_TYPE_RANGE, sizeof(std::uint16_t), 3, 2, offsetof(Question, code)},
}};

// As RTE_ACL_RULE_DEF has it, without its flexible array.
struct AclRule {
  rte_acl_rule_data data{};
  std::array<rte_acl_field, kFields> field{};
};
static_assert(sizeof(AclRule) == RTE_ACL_RULE_SZ(kFields));

void set_range(rte_acl_field& field, std::uint16_t first, std::uint16_t last) {
  field.value.u16 = first;
  field.mask_range.u16 = last;
}
void set_icmp(rte_acl_field& field, std::uint16_t value) {
  if (value == config::kAnyIcmp)
    set_range(field, 0, 0xffff);
  else
    set_range(field, value, value);
}

// `number` counts from 1: 0 is rte_acl's word for no match. The lower it is, the more it counts.
AclRule acl_rule_of(const config::EgressRule& rule, std::uint32_t number, std::uint32_t count) {
  AclRule made;
  made.data.category_mask = 1;
  made.data.priority = static_cast<std::int32_t>(count - number + 1);
  made.data.userdata = number;
  made.field[0].value.u8 = rule.protocol < 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(rule.protocol);
  made.field[0].mask_range.u8 = rule.protocol < 0 ? std::uint8_t{0} : std::uint8_t{0xff};
  made.field[1].value.u32 = rule.destination.address.host();
  made.field[1].mask_range.u32 = rule.destination.length;
  set_range(made.field[2], 0, 0xffff);
  set_range(made.field[3], 0, 0xffff);
  if (rule.protocol == static_cast<int>(Protocol::kIcmp)) {
    set_icmp(made.field[2], rule.first_port);
    set_icmp(made.field[3], rule.last_port);
  } else if (rule.protocol >= 0) {
    set_range(made.field[2], rule.first_port, rule.last_port);
  }
  return made;
}

}  // namespace

struct LongRules::Impl {
  explicit Impl(rte_acl_ctx* made) : context(made) {}
  ~Impl() { rte_acl_free(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  rte_acl_ctx* context;
};

LongRules::LongRules(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LongRules::~LongRules() = default;

std::unique_ptr<const LongRules> LongRules::build(std::span<const config::EgressRule> rules) {
  static std::atomic<std::uint32_t> made{0};
  const std::string name = "rules" + std::to_string(made.fetch_add(1, std::memory_order_relaxed));
  const auto count = static_cast<std::uint32_t>(rules.size());
  rte_acl_param parameters{};
  parameters.name = name.c_str();
  parameters.socket_id = SOCKET_ID_ANY;
  parameters.rule_size = sizeof(AclRule);
  parameters.max_rule_num = count;
  rte_acl_ctx* context = rte_acl_create(&parameters);
  if (context == nullptr) return nullptr;
  auto impl = std::make_unique<Impl>(context);

  for (std::uint32_t number = 1; number <= count; ++number) {
    const AclRule rule = acl_rule_of(rules[number - 1], number, count);
    if (rte_acl_add_rules(context, reinterpret_cast<const rte_acl_rule*>(&rule), 1) != 0) return nullptr;
  }
  rte_acl_config config{};
  config.num_categories = 1;
  config.num_fields = kFields;
  std::copy(kFieldDefinitions.begin(), kFieldDefinitions.end(), config.defs);
  if (rte_acl_build(context, &config) != 0) return nullptr;
  return std::unique_ptr<const LongRules>(new LongRules(std::move(impl)));
}

std::uint16_t LongRules::find(const OpeningPacket& packet) const {
  Question question;
  question.protocol = static_cast<std::uint8_t>(packet.protocol);
  question.destination = packet.destination.network();
  if (packet.protocol == Protocol::kIcmp) {
    question.port_or_type = __builtin_bswap16(packet.icmp_type);
    question.code = __builtin_bswap16(packet.icmp_code);
  } else {
    question.port_or_type = packet.destination_port.network();
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(&question);
  std::uint32_t number = 0;
  if (rte_acl_classify(impl_->context, &data, &number, 1, 1) != 0 || number == 0) return Rule::kNone;
  return static_cast<std::uint16_t>(number - 1);
}

}  // namespace hypernat::dataplane
