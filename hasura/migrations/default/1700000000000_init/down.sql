DROP TABLE public.user_role;
DROP TABLE public."user";
DROP FUNCTION public.set_current_timestamp_updated_at();
DROP TABLE public.role;
