"""The same Login action as it is written with Flask, argon2-cffi, requests and PyJWT: what the bench compares with.

As good as such a service is in practice: one kept-alive session to Hasura per thread, the work of one hash for an
unknown email, a new hash where the parameters have changed, and one log line per request.
"""
import hmac
import json
import logging
import os
import threading
import time
import unicodedata
import uuid

import jwt
import requests
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHash, VerificationError
from flask import Flask, jsonify, request

USER_BY_EMAIL = """
query UserByEmail($email: String!) {
  user(where: {email: {_eq: $email}}, limit: 1) { id password default_role roles { role } }
}
"""
UPDATE_PASSWORD = """
mutation UpdatePassword($id: Int!, $password: String!) {
  update_user_by_pk(pk_columns: {id: $id}, _set: {password: $password}) { id }
}
"""

environment = os.environ
graphql_url = environment["HASURA_GRAPHQL_ENDPOINT"] + "/v1/graphql"
action_secret = environment["ACTION_SECRET"].encode()
jwt_secret = json.loads(environment["HASURA_GRAPHQL_JWT_SECRET"])
hasher = PasswordHasher(
    time_cost=int(environment["ARGON2_PASSES"]),
    memory_cost=int(environment["ARGON2_MEMORY_KIB"]),
    parallelism=int(environment["ARGON2_LANES"]),
    # Older versions make shorter ones, and would hash again at every login.
    hash_len=32,
)
decoy = hasher.hash(uuid.uuid4().hex)
local = threading.local()
log = logging.getLogger("auth")
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
logging.getLogger("urllib3").setLevel(logging.WARNING)

app = Flask(__name__)


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@app.errorhandler(Refused)
def refused(error):
    return jsonify(message=error.message, extensions={"path": "$", "code": error.code}), error.status


@app.after_request
def log_request(response):
    log.info("%s %s %s", request.method, request.path, response.status_code)
    return response


def ask_hasura(query, variables):
    if not hasattr(local, "session"):
        local.session = requests.Session()
        local.session.headers["x-hasura-admin-secret"] = environment["HASURA_GRAPHQL_ADMIN_SECRET"]
    answer = local.session.post(graphql_url, json={"query": query, "variables": variables}, timeout=10).json()
    if "errors" in answer:
        raise RuntimeError(answer["errors"][0]["message"])
    return answer["data"]


def matches(stored_hash, password):
    try:
        return hasher.verify(stored_hash, password)
    except (VerificationError, InvalidHash):
        return False


def read_input():
    fields = (request.get_json(silent=True) or {}).get("input")
    if not isinstance(fields, dict):
        raise Refused(400, "validation-failed", "input is missing")
    for name in ("email", "password"):
        if not isinstance(fields.get(name), str):
            raise Refused(400, "validation-failed", f"input.{name} must be string")
    email = unicodedata.normalize("NFC", fields["email"].strip()).lower()
    password = unicodedata.normalize("NFC", fields["password"])
    if email.count("@") != 1 or len(email) > 254 or len(password) > 256:
        raise Refused(400, "validation-failed", "input.email must be an email address")
    return email, password


@app.post("/login")
def login():
    if not hmac.compare_digest(request.headers.get("x-hasura-action-secret", "").encode(), action_secret):
        raise Refused(401, "access-denied", "Access denied")
    email, password = read_input()
    users = ask_hasura(USER_BY_EMAIL, {"email": email})["user"]
    if not matches(users[0]["password"] if users else decoy, password) or not users:
        raise Refused(401, "invalid-credentials", "Invalid credentials")
    user = users[0]
    if hasher.check_needs_rehash(user["password"]):
        ask_hasura(UPDATE_PASSWORD, {"id": user["id"], "password": hasher.hash(password)})
    now = int(time.time())
    roles = {user["default_role"], *(entry["role"] for entry in user["roles"])}
    claims = {
        "x-hasura-allowed-roles": sorted(roles),
        "x-hasura-default-role": user["default_role"],
        "x-hasura-user-id": str(user["id"]),
    }
    token = jwt.encode(
        {
            "sub": str(user["id"]),
            "iat": now,
            "exp": now + 3600,
            "jti": str(uuid.uuid4()),
            "https://hasura.io/jwt/claims": claims,
        },
        jwt_secret["key"],
        algorithm=jwt_secret["type"],
    )
    return jsonify(token=token)


@app.get("/healthz")
def healthz():
    return jsonify(status="ok")
