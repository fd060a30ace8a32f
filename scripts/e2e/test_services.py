"""What a gRPC server has beside Triton's calls: health, and reflection, by whose descriptors
the server and the Python client speak the same language."""

import unittest

import grpc
from clients import GRPC_ADDRESS
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import model_config_pb2, service_pb2

SERVICE = "inference.GRPCInferenceService"


class ChannelTest(unittest.TestCase):
    def setUp(self):
        self.channel = grpc.insecure_channel(GRPC_ADDRESS)
        self.addCleanup(self.channel.close)


class Health(ChannelTest):
    def setUp(self):
        super().setUp()
        self.stub = health_pb2_grpc.HealthStub(self.channel)

    def test_the_server_serves(self):
        got = self.stub.Check(health_pb2.HealthCheckRequest())
        self.assertEqual(health_pb2.HealthCheckResponse.SERVING, got.status)

    def test_the_service_serves(self):
        got = self.stub.Check(health_pb2.HealthCheckRequest(service=SERVICE))
        self.assertEqual(health_pb2.HealthCheckResponse.SERVING, got.status)

    def test_health_can_be_watched(self):
        watch = self.stub.Watch(health_pb2.HealthCheckRequest())
        self.assertEqual(health_pb2.HealthCheckResponse.SERVING, next(watch).status)
        watch.cancel()


class Reflection(ChannelTest):
    def setUp(self):
        super().setUp()
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)

    def test_the_services_are_listed(self):
        got = set(self.database.get_services())
        self.assertLessEqual({SERVICE, "grpc.health.v1.Health"}, got)

    def test_the_clients_calls_are_the_servers(self):
        got = self.methods(self.pool.FindServiceByName(SERVICE))
        self.assertEqual(self.methods(service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]), got)

    def methods(self, service):
        return {
            one.name: (one.input_type.full_name, one.output_type.full_name, one.client_streaming, one.server_streaming)
            for one in service.methods
        }

    def test_the_clients_messages_are_the_servers(self):
        self.compare(service_pb2)

    def test_the_clients_configuration_is_the_servers(self):
        self.compare(model_config_pb2)

    def compare(self, module):
        """Compares all messages and enumerations of a file of the client's."""
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            self.compare_message("inference." + message.name, message)
        for enum in file.enum_type:
            self.compare_enum("inference." + enum.name, enum)

    def compare_message(self, name, client):
        server = descriptor_pb2.DescriptorProto()
        self.pool.FindMessageTypeByName(name).CopyToProto(server)
        with self.subTest(name):
            self.assertEqual(self.fields(client), self.fields(server))
            self.assertEqual([one.name for one in client.oneof_decl], [one.name for one in server.oneof_decl])
            self.assertEqual(client.options.map_entry, server.options.map_entry)
        nested = [one.name for one in client.nested_type]
        self.assertEqual(sorted(nested), sorted(one.name for one in server.nested_type))
        for message in client.nested_type:
            self.compare_message(f"{name}.{message.name}", message)
        for enum in client.enum_type:
            self.compare_enum(f"{name}.{enum.name}", enum)

    def fields(self, message):
        """The fields of a message by their numbers: name, type, label, oneof, and whether it is packed."""
        kinds = descriptor_pb2.FieldDescriptorProto
        return {
            one.number: (
                one.name,
                kinds.Type.Name(one.type),
                one.type_name,
                kinds.Label.Name(one.label),
                message.oneof_decl[one.oneof_index].name if one.HasField("oneof_index") else None,
                one.options.packed if one.options.HasField("packed") else None,
            )
            for one in message.field
        }

    def compare_enum(self, name, client):
        server = descriptor_pb2.EnumDescriptorProto()
        self.pool.FindEnumTypeByName(name).CopyToProto(server)
        with self.subTest(name):
            self.assertEqual(
                {one.number: one.name for one in client.value}, {one.number: one.name for one in server.value}
            )


class Calls(ChannelTest):
    def test_a_call_that_there_is_not_is_not_implemented(self):
        call = self.channel.unary_unary(f"/{SERVICE}/Dance", request_serializer=bytes, response_deserializer=bytes)
        with self.assertRaises(grpc.RpcError) as caught:
            call(b"")
        self.assertEqual(grpc.StatusCode.UNIMPLEMENTED, caught.exception.code())

    def test_a_message_that_cannot_be_read_is_refused(self):
        call = self.channel.unary_unary(f"/{SERVICE}/ModelInfer", request_serializer=bytes, response_deserializer=bytes)
        with self.assertRaises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff")
        self.assertIn(caught.exception.code(), (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT))
