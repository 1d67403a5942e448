#!/bin/sh
# SeaweedFS with one account, and the bucket made.
set -eu
umask 077
cat >/tmp/s3.json <<JSON
{"identities": [{"name": "assay", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "$AWS_ACCESS_KEY_ID", "secretKey": "$AWS_SECRET_ACCESS_KEY"}]}]}
JSON
(
    until echo 's3.bucket.create -name assay' | weed shell -master 127.0.0.1:9333 2>/dev/null | grep -q assay; do sleep 1; done
) &
exec weed server -dir=/data -ip.bind=0.0.0.0 -s3 -s3.port=8333 -s3.config=/tmp/s3.json
