// What comes before a request is believed: its form, and its signature. Parameters, or an Ec2Error; an account is found
// only for the signature that its key makes.
#include <string>
#include <string_view>

#include "control/api/ec2_error.h"
#include "control/api/query_form.h"
#include "control/api/sigv4.h"
#include "control/api/xml_writer.h"
#include "tests/fuzz/fuzz_target.h"

namespace hypernat::control {
namespace {

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr const char* kTime = "20150830T123600Z";
const SigningScope kScope{.region = "us-east-1", .service = "ec2"};

// Every reader there is, of names that calls have and of those that came.
void check_form(std::string_view text) {
  try {
    const auto values = parse_form(text);
    QueryParameters parameters(values);
    XmlWriter xml;
    for (const auto& [name, value] : values) {
      require(is_xml_text(name) && is_xml_text(value), "a parameter is text");
      xml.text("value", value);
      parameters.structures(name.substr(0, name.find('.')));
    }
    for (const auto& each : parameters.structures("Filter")) parameters.list(each + ".Value");
    for (const char* name : {"MaxResults", "IpPermissions.1.FromPort"}) {
      try {
        if (const auto number = parameters.number_if_any(name, -1, 65'535))
          require(*number >= -1 && *number <= 65'535, "a number is in its range");
      } catch (const Ec2Error&) {
      }
    }
    require(is_xml_text(xml.document("Response", "urn:x")), "an answer is text");
    parameters.finish();
  } catch (const Ec2Error& error) {
    require(error.status() >= 400, "an error is one");
    require(is_xml_text(error_response(error, "id").body), "an error's answer is text");
  }
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// A request as an attacker would write it: target, Authorization, host, and the rest as body.
void check_signature(std::string_view text) {
  ApiRequest request{.method = "POST", .path = "/", .query = {}, .headers = {{"x-amz-date", kTime}}, .body = {}};
  request.target = take_line(text);
  request.headers["authorization"] = take_line(text);
  request.headers["host"] = take_line(text);
  request.body = text;
  const SigningKeys keys{{"AKIDEXAMPLE", {.account = "111122223333", .secret = kSecret}}};
  const auto now = from_milliseconds(1'440'938'160'000);
  try {
    verify_signature(request, keys, kScope, now);
    const auto parts = parse_authorization(request.headers["authorization"]);
    require(
        parts.signature == sigv4_signature(canonical_request(request, parts.signed_headers), kScope, kTime, kSecret),
        "who is believed has signed");
  } catch (const SignatureError& error) {
    require(error.what()[0] != '\0', "a refusal says why");
  }
  // Signed well, the same request is believed, whatever it holds.
  request.headers["authorization"] =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, "
      "Signature=" +
      sigv4_signature(canonical_request(request, "host;x-amz-date"), kScope, kTime, kSecret);
  require(verify_signature(request, keys, kScope, now) == "111122223333", "who has signed is believed");
}

}  // namespace
}  // namespace hypernat::control

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  hypernat::control::check_form(text);
  hypernat::control::check_signature(text);
  return 0;
}
