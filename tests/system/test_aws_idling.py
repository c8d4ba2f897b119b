"""A function that nobody calls for a fortnight, through boto3: its interface goes, and the next call brings it back."""

import aws_tools
import machine


class Idling(aws_tools.TenantTestCase):
    @classmethod
    def prepare(cls):
        cls.lab.time_scale = 14 * 86_400 // 5  # a fortnight is five seconds
        super().prepare()

    def test_takes_the_interface_of_a_function_and_the_next_call_fails_and_brings_it_back(self):
        functions = self.function("seldom")
        self.assertEqual(self.invoke(functions, "seldom")["page"], "This is acme.")
        machine.wait_for("a fortnight to pass", lambda: not self.interfaces(), 20)
        told = functions.get_function_configuration(FunctionName="seldom")
        self.assertEqual((told["State"], told["StateReasonCode"]), ("Inactive", "Idle"))
        with self.refused("ResourceNotReadyException", 502):
            functions.invoke(FunctionName="seldom")
        functions.get_waiter("function_active_v2").wait(FunctionName="seldom", WaiterConfig={"Delay": 1})
        self.assertEqual(self.invoke(functions, "seldom")["page"], "This is acme.")
        self.assertEqual(len(self.interfaces(description="AWS Lambda VPC ENI-seldom-*")), 1)
