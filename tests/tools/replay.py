"""Asks a Region to look at a suite again, and prints its answer as JSON: what `make replay` runs.

Takes credentials as every AWS tool does. Ends non-zero where the function failed; an answer such as `waiting` or `refused` is no
failure.
"""

import argparse
import json
import sys

import boto3
from botocore.config import Config

# A run lasts at most its function's timeout, 180 s; the client must not give up before, nor ask twice.
ANSWER_SECONDS = 200


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--stack", required=True, help="the Region's stack")
    asked.add_argument("--region", required=True)
    asked.add_argument("--suite", required=True, help='the suite\'s path in the bucket, such as dists/bookworm, or "*" for all')
    asked.add_argument("--dry-run", action="store_true", help="only say what would be done")
    asked.add_argument("--force", action="store_true", help="swap even to an older release, and hold the suite there")
    asked.add_argument("--full", action="store_true", help="check everything, whatever the state vouches for")
    asked = asked.parse_args()
    if not asked.region or not asked.suite:
        sys.exit("replay: say where and what, as REGION=eu-west-1 SUITE=dists/bookworm")

    stacks = boto3.client("cloudformation", region_name=asked.region).describe_stacks(StackName=asked.stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    if "PublishFunction" not in outputs:
        sys.exit(f"replay: {asked.stack} in {asked.region} is not the stack of a Region; name it with STACK=…")
    answer = boto3.client(
        "lambda",
        region_name=asked.region,
        config=Config(read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1}),
    ).invoke(
        FunctionName=outputs["PublishFunction"],
        Payload=json.dumps(
            {"suite": asked.suite, "dry_run": asked.dry_run, "force": asked.force, "full": asked.full}
        ).encode(),
    )
    print(json.dumps(json.loads(answer["Payload"].read()), indent=2, ensure_ascii=False))
    sys.exit(bool(answer.get("FunctionError")))


if __name__ == "__main__":
    main()
