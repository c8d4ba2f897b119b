#include "control/cli/function_name.h"

#include <gtest/gtest.h>

#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

TEST(FunctionName, IsABareNameAnAccountAndANameOrAnArn) {
  EXPECT_EQ(parse_function_name("web"), (FunctionName{"", "web"}));
  EXPECT_EQ(parse_function_name("111111111111/web"), (FunctionName{"111111111111", "web"}));
  EXPECT_EQ(parse_function_name("arn:aws:lambda:us-east-1:111111111111:function:web"),
            (FunctionName{"111111111111", "web"}));
  EXPECT_EQ(parse_function_name("arn:aws:lambda:us-east-1:111111111111:function:web:$LATEST"),
            (FunctionName{"111111111111", "web"}));
}

TEST(FunctionName, IsNothingElse) {
  for (const char* text : {"/web", "111111111111/", "a/b/c", "arn:aws:s3:::bucket", "arn:aws:lambda:r:1:layer:web"})
    EXPECT_THROW(parse_function_name(text), CommandError) << text;
}

TEST(EncodeSegment, LeavesOnlyWhatAPathMayHold) {
  EXPECT_EQ(encode_segment("web-1_a.b~"), "web-1_a.b~");
  EXPECT_EQ(encode_segment("a/b c?"), "a%2Fb%20c%3F");
}

}  // namespace
}  // namespace hypernat::cli
