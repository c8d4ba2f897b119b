"""The AWS CLI, step by step as a script would call it: from CreateVpc to an invocation that fetches a page in the VPC."""

import contextlib
import io
import json
import os
import subprocess
import unittest.mock

import awscli.clidriver
import aws_tools
import machine
import readme


class CommandLine(aws_tools.AwsTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        key, secret = aws_tools.KEYS["acme"]
        cls.environment = {"PATH": os.environ["PATH"], "HOME": str(cls.folder), "AWS_ACCESS_KEY_ID": key,
                           "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": aws_tools.REGION, "AWS_PAGER": "",
                           "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}
        with unittest.mock.patch.dict(os.environ, cls.environment):
            cls.cli = awscli.clidriver.create_clidriver()

    def call(self, *words):
        """Exit code, standard output and errors of the CLI, in this process: starting one takes longer than the call."""
        output, errors = io.StringIO(), io.StringIO()
        words = ["--endpoint-url", aws_tools.ENDPOINT, "--output", "json", *map(str, words)]
        with contextlib.chdir(self.folder), unittest.mock.patch.dict(os.environ, self.environment), \
                contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = self.cli.main(words)
        return code, output.getvalue(), errors.getvalue()

    def aws(self, *words):
        code, output, errors = self.call(*words)
        self.assertEqual(code, 0, f"{words}: {errors}")
        return json.loads(output) if output.strip() else None

    def make_network(self):
        tags = ",".join(f"{{Key={key},Value={value}}}" for key, value in aws_tools.subnet_tags("acme").items())
        own = f"ResourceType=vpc,Tags=[{{Key=Name,Value=acme}},{{Key=hypernat:resolver,Value={aws_tools.RESOLVER}}}]"
        vpc = self.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", "--tag-specifications", own)["Vpc"]["VpcId"]
        self.aws("ec2", "wait", "vpc-available", "--vpc-ids", vpc)
        subnet = self.aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", "10.0.1.0/24", "--tag-specifications",
                          f"ResourceType=subnet,Tags=[{tags}]")["Subnet"]["SubnetId"]
        self.aws("ec2", "wait", "subnet-available", "--subnet-ids", subnet)
        group = self.aws("ec2", "create-security-group", "--group-name", "functions", "--description", "what they may reach",
                         "--vpc-id", vpc)["GroupId"]
        self.aws("ec2", "revoke-security-group-egress", "--group-id", group, "--ip-permissions",
                 "IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]")
        for protocol, port in (("tcp", 80), ("udp", 53)):
            self.aws("ec2", "authorize-security-group-egress", "--group-id", group, "--protocol", protocol, "--port", port,
                     "--cidr", "10.0.0.0/16")
        return vpc, subnet, group

    def make_route(self, vpc, subnet):
        table = self.aws("ec2", "create-route-table", "--vpc-id", vpc)["RouteTable"]["RouteTableId"]
        self.aws("ec2", "create-route", "--route-table-id", table, "--destination-cidr-block", "0.0.0.0/0", "--gateway-id",
                 "igw-0123456789abcdef0")
        self.aws("ec2", "associate-route-table", "--route-table-id", table, "--subnet-id", subnet)

    def invoke(self, name, event):
        """By a process of its own, as people do it."""
        subprocess.run(["/usr/bin/aws", "--endpoint-url", aws_tools.ENDPOINT, "lambda", "invoke", "--function-name", name,
                        "--cli-binary-format", "raw-in-base64-out", "--payload", json.dumps(event), "out.json"],
                       check=True, capture_output=True, timeout=120, cwd=self.folder, env=self.environment)
        return json.loads((self.folder / "out.json").read_text(encoding="utf-8"))

    def test_of_the_readme_leads_to_a_page(self):
        script, = readme.blocks("sh", readme.SCRIPT_MARK)
        folder = self.folder / "readme"
        folder.mkdir()
        done = subprocess.run(["bash", "-euc", script], check=False, capture_output=True, text=True, timeout=300, cwd=folder,
                              stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        self.assertTrue(done.stdout.endswith("\nThis is acme.\n"), done.stdout)
        self.assertEqual((folder / "page.txt").read_text(encoding="utf-8"), "This is acme.\n")
        self.delete_everything("page")

    def test_leads_from_a_vpc_to_a_page_that_a_function_fetches_in_it(self):
        vpc, subnet, group = self.make_network()
        self.make_route(vpc, subnet)
        (self.folder / "function.zip").write_bytes(aws_tools.zipped())
        self.aws("lambda", "create-function", "--function-name", "web", "--runtime", "provided.al2", "--handler", "bootstrap",
                 "--role", aws_tools.ROLE, "--timeout", "30", "--zip-file", "fileb://function.zip", "--vpc-config",
                 f"SubnetIds={subnet},SecurityGroupIds={group}")
        self.aws("lambda", "wait", "function-active-v2", "--function-name", "web")
        answer = self.invoke("web", {"who": "world"})
        self.assertEqual((answer["page"], answer["event"]), ("This is acme.", {"who": "world"}))
        interface, = self.aws("ec2", "describe-network-interfaces", "--filters",
                              "Name=description,Values=AWS Lambda VPC ENI-web-*", f"Name=subnet-id,Values={subnet}", "Name=status,Values=in-use")["NetworkInterfaces"]
        self.assertEqual(self.lab.tenants["acme"].clients(), {interface["PrivateIpAddress"]})
        self.assertEqual((interface["InterfaceType"], interface["RequesterManaged"]), ("lambda", False))
        self.aws("lambda", "update-function-configuration", "--function-name", "web", "--timeout", "20")
        self.aws("lambda", "wait", "function-updated-v2", "--function-name", "web")
        self.delete_everything("web")

    def delete_everything(self, function):
        """The way back, as it must be gone: what stands in something goes before it."""
        subnet, = self.aws("ec2", "describe-subnets")["Subnets"]
        code, _, errors = self.call("ec2", "delete-subnet", "--subnet-id", subnet["SubnetId"])
        self.assertNotEqual(code, 0)
        self.assertIn("(DependencyViolation) when calling the DeleteSubnet operation", errors)
        self.aws("lambda", "delete-function", "--function-name", function)
        machine.wait_for("the interface to go", lambda: not self.aws("ec2", "describe-network-interfaces")["NetworkInterfaces"])
        self.aws("ec2", "delete-subnet", "--subnet-id", subnet["SubnetId"])
        for group in self.aws("ec2", "describe-security-groups", "--query", "SecurityGroups[?GroupName!='default'].GroupId"):
            self.aws("ec2", "delete-security-group", "--group-id", group)
        for table in self.aws("ec2", "describe-route-tables", "--query", "RouteTables[?!Associations].RouteTableId"):
            self.aws("ec2", "delete-route-table", "--route-table-id", table)
        self.aws("ec2", "delete-vpc", "--vpc-id", subnet["VpcId"])
        self.assertEqual(self.aws("ec2", "describe-vpcs")["Vpcs"], [])
