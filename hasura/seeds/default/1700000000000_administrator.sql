-- Development only: an administrator whose password, admin-password-for-development, everybody can read here.
INSERT INTO public."user" (email, password, default_role)
VALUES ('admin@site.com', '$argon2id$v=19$m=19456,t=2,p=1$NkugS+mVA74uO+mV6f7m1Q$tAhTH0+h9piuOj98qFlCe8j1/pTT7H+LAvr528q0Gug', 'admin')
ON CONFLICT (email) DO NOTHING;

INSERT INTO public.user_role (user_id, role)
SELECT "user".id, role.name
FROM public."user" CROSS JOIN public.role
WHERE "user".email = 'admin@site.com' AND role.name IN ('user', 'admin')
ON CONFLICT DO NOTHING;
