"""Login by an identity provider with OpenID Connect: authorization code with PKCE.

`provider` and `id_token` need the extra `oidc` and are imported only where a provider is set; `login` and `login_attempt` need
no extra. Start reading in `login.py`.
"""
