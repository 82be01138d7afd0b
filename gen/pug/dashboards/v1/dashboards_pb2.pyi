from pug.common.v1 import access_pb2 as _access_pb2
from pug.dashboards.v1 import dashboard_pb2 as _dashboard_pb2
from pug.dashboards.v1 import render_pb2 as _render_pb2
from pug.dashboards.v1 import saved_insight_pb2 as _saved_insight_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
