"""boto3, pointed here: pages, waiters, environments, accounts and signatures."""

import base64
import concurrent.futures
import contextlib
import datetime
import importlib
import json
import subprocess
import types
import unittest.mock
import urllib.error
import urllib.request

import aws_tools
import botocore.exceptions
import machine


class SixMinutesAgo(datetime.datetime):
    """The clock that requests are signed by, late."""

    @classmethod
    def utcnow(cls):
        return datetime.datetime.utcnow() - datetime.timedelta(minutes=6)


@contextlib.contextmanager
def signing_six_minutes_ago():
    """In each of botocore's signers: its own, and the one that it prefers where the CRT is installed."""
    late = types.SimpleNamespace(**{**vars(datetime), "datetime": SixMinutesAgo})
    with contextlib.ExitStack() as patches:
        for module in ("botocore.auth", "botocore.crt.auth"):
            with contextlib.suppress(ImportError):
                patches.enter_context(unittest.mock.patch.object(importlib.import_module(module), "datetime", late))
        yield


class Library(aws_tools.TenantTestCase):
    def test_reuses_environments_scales_out_and_retires_them(self):
        functions = self.function("warm")
        self.assertEqual([self.invoke(functions, "warm")["runs"] for _ in range(3)], [1, 2, 3])
        with concurrent.futures.ThreadPoolExecutor(4) as callers:
            runs = sorted(answer["runs"] for answer in callers.map(
                lambda _: self.invoke(functions, "warm", {"sleep": 3}), range(4)))
        self.assertEqual(runs, [1, 1, 1, 4])
        machine.wait_for("idle environments to be retired", lambda: self.invoke(functions, "warm")["runs"] == 1, 30, interval=4)

    def test_runs_new_code_and_settings_in_new_environments(self):
        functions = self.function("changing")
        self.assertEqual(self.invoke(functions, "changing")["runs"], 1)
        newer = aws_tools.zipped("#!/bin/sh\necho \"\\\"new $MODE\\\"\"\n")
        functions.update_function_code(FunctionName="changing", ZipFile=newer)
        functions.get_waiter("function_updated_v2").wait(FunctionName="changing", WaiterConfig={"Delay": 1})
        self.assertEqual(self.invoke(functions, "changing"), "new ")
        functions.update_function_configuration(FunctionName="changing", Environment={"Variables": {"MODE": "fast"}})
        self.assertEqual(self.invoke(functions, "changing"), "new fast")

    def test_gives_code_back_and_publishes_what_is_new(self):
        functions = self.function("kept", VpcConfig={})
        functions.get_waiter("function_exists").wait(FunctionName="kept", WaiterConfig={"Delay": 1})
        told = functions.get_function(FunctionName="kept")
        self.assertEqual(told["Code"]["RepositoryType"], "S3")
        with urllib.request.urlopen(told["Code"]["Location"], timeout=10) as archive:
            self.assertEqual(archive.read(), aws_tools.zipped())
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(told["Code"]["Location"] + "0", timeout=10)
        self.assertEqual(refused.exception.code, 403)
        newer = aws_tools.zipped("#!/bin/sh\necho '\"newer\"'\n")
        with self.refused("PreconditionFailedException", 412):
            functions.update_function_code(FunctionName="kept", ZipFile=newer, RevisionId="another")
        rehearsed = functions.update_function_code(FunctionName="kept", ZipFile=newer, DryRun=True)
        self.assertNotEqual(rehearsed["CodeSha256"], told["Configuration"]["CodeSha256"])
        self.assertEqual(functions.get_function(FunctionName="kept")["Configuration"], told["Configuration"])
        made = functions.update_function_code(FunctionName="kept", ZipFile=newer, Publish=True,
                                              RevisionId=told["Configuration"]["RevisionId"])
        self.assertEqual((made["Version"], made["CodeSha256"]), ("1", rehearsed["CodeSha256"]))
        functions.get_waiter("function_updated_v2").wait(FunctionName="kept", WaiterConfig={"Delay": 1})
        self.assertEqual(self.invoke(functions, "kept:1"), "newer")

    def order_failure(self, **order):
        """Of the next interface that it fits; the operator's call."""
        subprocess.run(["curl", "-sf", "--unix-socket", self.folder / "control.sock", "--json", json.dumps({"Times": 1, **order}),
                        "http://control/hypernat/v1/provisioning-failures"], check=True, capture_output=True)

    def test_tells_those_who_wait_that_an_interface_cannot_be_had(self):
        role = f"{aws_tools.ROLE}-without-permissions"
        self.order_failure(Code="InsufficientRolePermissions", Role=role)
        with self.assertRaisesRegex(botocore.exceptions.WaiterError, "Failed"):
            self.function("unpermitted", Role=role, VpcConfig={**self.networks["acme"], "SecurityGroupIds": [self.make_group("new")]})
        told = aws_tools.client("lambda").get_function_configuration(FunctionName="unpermitted")
        self.assertEqual((told["State"], told["StateReasonCode"]), ("Failed", "InsufficientRolePermissions"))
        with self.refused("ResourceConflictException", 409):
            aws_tools.client("lambda").invoke(FunctionName="unpermitted")

    def make_group(self, name):
        ec2 = aws_tools.client("ec2")
        vpc = ec2.describe_subnets(SubnetIds=self.networks["acme"]["SubnetIds"])["Subnets"][0]["VpcId"]
        group = ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"]
        # Behind the functions, whose interfaces stand in it.
        self.addCleanup(lambda: machine.wait_for("the group to be free", lambda: not self.interfaces(group_id=group)) or
                        ec2.delete_security_group(GroupId=group))
        return group

    def test_keeps_the_old_interface_until_the_new_one_works(self):
        group = self.make_group("other")
        functions = self.function("moving")
        wanted = {**self.networks["acme"], "SecurityGroupIds": [group]}
        self.order_failure(Code="InternalError", SecurityGroupId=group)
        functions.update_function_configuration(FunctionName="moving", VpcConfig=wanted)
        with self.assertRaisesRegex(botocore.exceptions.WaiterError, "Failed"):
            functions.get_waiter("function_updated_v2").wait(FunctionName="moving", WaiterConfig={"Delay": 1})
        told = functions.get_function_configuration(FunctionName="moving")
        self.assertEqual((told["State"], told["LastUpdateStatusReasonCode"]), ("Active", "InternalError"))
        self.assertEqual(told["VpcConfig"]["SecurityGroupIds"], self.networks["acme"]["SecurityGroupIds"])
        self.assertEqual(self.invoke(functions, "moving")["page"], "This is acme.")
        self.assertEqual(self.interfaces(group_id=group), [])
        functions.update_function_configuration(FunctionName="moving", VpcConfig=wanted)
        functions.get_waiter("function_updated_v2").wait(FunctionName="moving", WaiterConfig={"Delay": 1})
        interface, = self.interfaces(group_id=group, interface_type="lambda", vpc_id=told["VpcConfig"]["VpcId"], status="in-use",
                                     subnet_id=wanted["SubnetIds"][0], description="AWS Lambda VPC ENI-moving-*")
        self.assertNotIn(interface["PrivateIpAddress"], self.lab.tenants["acme"].clients())
        self.assertEqual(self.invoke(functions, "moving")["page"], "This is acme.")
        self.assertIn(interface["PrivateIpAddress"], self.lab.tenants["acme"].clients())

    def test_knows_no_aliases(self):
        functions = self.function("unnamed", VpcConfig={})
        for call in (lambda: functions.create_alias(FunctionName="unnamed", Name="live", FunctionVersion="1"),
                     lambda: functions.get_alias(FunctionName="unnamed", Name="live"),
                     lambda: functions.list_aliases(FunctionName="unnamed"),
                     lambda: functions.update_alias(FunctionName="unnamed", Name="live", FunctionVersion="1"),
                     lambda: functions.delete_alias(FunctionName="unnamed", Name="live")):
            with self.refused("UnknownOperationException", 404):
                call()
        with self.refused("ResourceNotFoundException", 404):
            functions.invoke(FunctionName="unnamed", Qualifier="live")

    def test_gives_a_function_without_a_network_no_way_out(self):
        functions = self.function("plain", VpcConfig={})
        self.assertEqual(functions.get_function_configuration(FunctionName="plain")["VpcConfig"]["SubnetIds"], [])
        answer = self.invoke(functions, "plain", "hello")
        self.assertEqual((answer["page"], answer["event"]), ("", "hello"))

    def test_tells_how_a_function_failed(self):
        endings = {"exits": ("echo oops >&2; exit 3", "Runtime.ExitError", "status 3"),
                   "hangs": ("sleep 60 & sleep 60", "Sandbox.Timedout", "timed out after 1.00 seconds"),
                   "dies": ("kill -9 $$", "Runtime.ExitError", "signal 9"),
                   "floods": ("head -c 7000000 /dev/zero", "Function.ResponseSizeTooLarge", "6291456")}
        for name, (text, kind, says) in endings.items():
            with self.subTest(name):
                functions = self.function(name, Code={"ZipFile": aws_tools.zipped(f"#!/bin/sh\n{text}\n")}, Timeout=1)
                answer = functions.invoke(FunctionName=name, LogType="Tail")
                self.assertEqual((answer["StatusCode"], answer["FunctionError"]), (200, "Unhandled"))
                told = json.loads(answer["Payload"].read())
                self.assertEqual(told["errorType"], kind)
                self.assertIn(says, told["errorMessage"])
        log = aws_tools.client("lambda").invoke(FunctionName="exits", LogType="Tail")["LogResult"]
        self.assertIn(b"oops", base64.b64decode(log))

    def test_refuses_code_from_elsewhere(self):
        functions = aws_tools.client("lambda")
        wanted = aws_tools.function("elsewhere")
        for code in ({"S3Bucket": "bucket", "S3Key": "key"}, {"ImageUri": "x/y:z"}, {"ZipFile": b"no zip"},
                     {"ZipFile": aws_tools.zipped(mode=0o644)}):
            with self.refused("InvalidParameterValueException", 400):
                functions.create_function(**{**wanted, "Code": code})
        with self.refused("InvalidParameterValueException", 400):
            functions.create_function(**{**wanted, "Role": "nobody"})
        with self.refused("ResourceNotFoundException", 404):
            functions.get_function_configuration(FunctionName="elsewhere")

    def test_gives_lists_by_pages(self):
        functions, ec2 = aws_tools.client("lambda"), aws_tools.client("ec2")
        vpc = ec2.describe_subnets(SubnetIds=self.networks["acme"]["SubnetIds"])["Subnets"][0]["VpcId"]
        groups = [ec2.create_security_group(GroupName=f"g{number}", Description="d", VpcId=vpc)["GroupId"]
                  for number in range(11)]
        pages = ec2.get_paginator("describe_security_groups").paginate(
            Filters=[{"Name": "group-name", "Values": ["g*"]}], PaginationConfig={"PageSize": 5})
        seen = [group["GroupId"] for page in pages for group in page["SecurityGroups"]]
        self.assertEqual(seen, sorted(groups))
        for group in groups:
            ec2.delete_security_group(GroupId=group)
        names = [f"page{number}" for number in range(5)]
        for name in names:
            functions.create_function(**aws_tools.function(name))
            self.addCleanup(functions.delete_function, FunctionName=name)
        pages = [[function["FunctionName"] for function in page["Functions"]] for page in
                 functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})]
        self.assertTrue(all(len(page) <= 2 for page in pages), pages)
        self.assertLessEqual(set(names), {name for page in pages for name in page})
        for timeout in (5, 6):
            functions.update_function_configuration(FunctionName="page0", Timeout=timeout)
            functions.publish_version(FunctionName="page0")
        pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName="page0",
                                                                              PaginationConfig={"PageSize": 2})
        self.assertEqual([each["Version"] for page in pages for each in page["Versions"]], ["$LATEST", "1", "2"])

    def test_keeps_accounts_apart(self):
        self.function("shared-name")
        globex = self.function("shared-name", "globex")
        self.assertEqual(self.invoke(globex, "shared-name")["page"], "This is globex.")
        self.assertEqual(self.invoke(aws_tools.client("lambda"), "shared-name")["page"], "This is acme.")
        with self.refused("InvalidSubnetID.NotFound"):
            aws_tools.client("ec2", "globex").describe_subnets(SubnetIds=self.networks["acme"]["SubnetIds"])
        with self.refused("AccessDeniedException", 403):
            globex.get_function(FunctionName=f"arn:aws:lambda:{aws_tools.REGION}:111122223333:function:shared-name")
        with self.refused("InvalidParameterValueException"):
            globex.create_function(**aws_tools.function("thief"), VpcConfig=self.networks["acme"])

    def test_believes_no_signature_that_is_not_right(self):
        wrong, unknown = ("AKIAACME", "not-the-secret"), ("AKIANOBODY", "x")
        with self.refused("InvalidSignatureException", 403):
            aws_tools.client("lambda", keys=wrong).list_functions()
        with self.refused("UnrecognizedClientException", 403):
            aws_tools.client("lambda", keys=unknown).list_functions()
        with self.refused("SignatureDoesNotMatch", 403):
            aws_tools.client("ec2", keys=wrong).describe_vpcs()
        with self.refused("AuthFailure", 401):
            aws_tools.client("ec2", keys=unknown).describe_vpcs()
        unsigned = subprocess.run(["curl", "-s", "-H", "X-Hypernat-Account: 111122223333",
                                   f"{aws_tools.ENDPOINT}/2015-03-31/functions"],
                                  check=True, capture_output=True, text=True)
        self.assertIn("Missing Authentication Token", unsigned.stdout)
        with signing_six_minutes_ago():
            with self.refused("InvalidSignatureException", 403):
                aws_tools.client("lambda").list_functions()
            with self.refused("RequestExpired", 400):
                aws_tools.client("ec2").describe_vpcs()

    def test_takes_rules_beyond_what_forms_usually_hold(self):
        ec2 = aws_tools.client("ec2")
        vpc = ec2.describe_subnets(SubnetIds=self.networks["acme"]["SubnetIds"])["Subnets"][0]["VpcId"]
        group = ec2.create_security_group(GroupName="many", Description="d", VpcId=vpc)["GroupId"]
        self.addCleanup(ec2.delete_security_group, GroupId=group)
        ranges = [{"CidrIp": f"10.{number // 256}.{number % 256}.0/24", "Description": "x" * 60}
                  for number in range(500)]
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": ranges}])
        rules = ec2.get_paginator("describe_security_group_rules").paginate(
            Filters=[{"Name": "group-id", "Values": [group]}], PaginationConfig={"PageSize": 100})
        self.assertEqual(len([rule for page in rules for rule in page["SecurityGroupRules"]]), 501)
