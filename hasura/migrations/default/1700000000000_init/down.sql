DROP TABLE public.user_role;
DROP TABLE public."user";
DROP FUNCTION public.user_set_updated_at();
DROP TABLE public.role;
