"""One description, many forms, run side by side on the same random steps; and every single fault that tells them apart."""
