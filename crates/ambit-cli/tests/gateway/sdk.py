# The official Python client. Arguments: "stdio" or "http", what it reaches as JSON (the server's command, or a URL), and
# calls as JSON. Says as JSON which tools there are, and what came of the calls.
import asyncio
import json
import sys

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

kind, place, calls = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])


async def main():
    reached = place
    if kind == "stdio":
        command, *args = place["command"]
        reached = stdio_client(StdioServerParameters(command=command, args=args, env=place.get("env"), cwd=place.get("cwd")))
    async with Client(reached) as client:
        tools = await client.list_tools()
        results = []
        for call in calls:
            try:
                result = await client.call_tool(call["name"], call["arguments"])
                results.append(result.model_dump(mode="json", by_alias=True, exclude_none=True))
            except Exception as error:
                results.append({"error": str(error)})
        described = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools.tools]
        print(json.dumps({"version": client.protocol_version, "tools": described, "results": results}))


asyncio.run(main())
