"""What people think of pictures: pages that ask them, and what their answers say."""
