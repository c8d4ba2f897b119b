"""What the tests with AWS's own tools share: keys, code in a zip, and a lab in which nothing is declared."""

import contextlib
import functools
import io
import json
import zipfile

import boto3
import botocore.config
import botocore.exceptions
import support

ENDPOINT = "http://127.0.0.1:9040"
REGION = "us-east-1"
KEYS = {"acme": ("AKIAACME", "acme-signs-with-this"), "globex": ("AKIAGLOBEX", "globex-signs-with-this")}
SEGMENTS = {"acme": ("tenants/5001", "198.51.100.11"), "globex": ("tenants/5002", "198.51.100.12")}
ROLE = "arn:aws:iam::111122223333:role/lambda-vpc"
RESOLVER = "10.0.1.53"

# Says what it was asked, whom it could reach, and how often this environment has been used.
BOOTSTRAP = """#!/bin/sh
event=$(cat)
runs=$(($(cat /tmp/runs 2>/dev/null || echo 0) + 1))
echo $runs >/tmp/runs
echo "run $runs" >&2
sleep "$(printf %s "$event" | sed -n 's/.*"sleep": *\\([0-9.]*\\).*/\\1/p' | grep . || echo 0)"
page=$(curl -sf --max-time 10 http://web.internal/)
printf '{"page": "%s", "runs": %s, "root": "%s", "event": %s}' "$page" "$runs" "$LAMBDA_TASK_ROOT" "${event:-null}"
"""


def zipped(text=BOOTSTRAP, mode=0o755):
    """What `zip function.zip bootstrap` makes."""
    file = zipfile.ZipInfo("bootstrap")
    file.external_attr = (0o100000 | mode) << 16
    file.create_system = 3
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr(file, text)
    return archive.getvalue()


def function(name):
    """CreateFunction's parameters, of a function without a network."""
    return {"FunctionName": name, "Role": ROLE, "Runtime": "provided.al2", "Handler": "bootstrap", "Code": {"ZipFile": zipped()}}


@functools.cache
def client(service, tenant="acme", keys=None):
    """boto3, with one try for each call: what is refused is to be seen. For threads, too."""
    key, secret = keys or KEYS[tenant]
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret,
                        config=botocore.config.Config(retries={"total_max_attempts": 1}))


def subnet_tags(tenant):
    segment, vtep = SEGMENTS[tenant]
    return {"hypernat:segment": segment, "hypernat:vteps": vtep, "hypernat:reserved": "10.0.1.10 10.0.1.53"}


def specification(kind, tags):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


class AwsTestCase(support.LabTestCase):
    """A lab in which nothing is declared but what the tests make with AWS's tools."""

    @classmethod
    def prepare(cls):
        cls.lab.control_changes = [(r"(region: .*)", r"\1\nenvironment_idle_after: 3s")]
        cls.lab.start()

    @contextlib.contextmanager
    def refused(self, code, status=None):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            yield
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        if status is not None:
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], status)


class TenantTestCase(AwsTestCase):
    """Each tenant has a network already, made with its tools."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.networks = {tenant: cls.make_network(tenant) for tenant in KEYS}

    @staticmethod
    def make_network(tenant):
        ec2 = client("ec2", tenant)
        tags = specification("vpc", {"hypernat:resolver": RESOLVER})
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
        tags = specification("subnet", subnet_tags(tenant))
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=REGION + "a",
                                   TagSpecifications=tags)["Subnet"]["SubnetId"]
        default = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]},
                                                        {"Name": "group-name", "Values": ["default"]}])
        return {"SubnetIds": [subnet], "SecurityGroupIds": [default["SecurityGroups"][0]["GroupId"]]}

    def function(self, name, tenant="acme", **settings):
        functions = client("lambda", tenant)
        functions.create_function(**{**function(name), "Timeout": 30, "VpcConfig": self.networks[tenant], **settings})
        self.addCleanup(functions.delete_function, FunctionName=name)
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return functions

    @staticmethod
    def invoke(functions, name, event=None):
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        return json.loads(answer["Payload"].read())

    def interfaces(self, **filters):
        filters = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        return client("ec2").describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
