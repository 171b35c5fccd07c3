// What every contender stores: about 300 bytes, like a small change of a client.

export const payload = {
  name: 'Harbour Street Bakery',
  status: 'active',
  industry: 'Food & Beverage',
  address: { street: '12 Harbour Street', city: 'Bergen', postalCode: '5003', country: 'Norway' },
  contacts: [
    { name: 'Ingrid Solheim', phone: '+47 555 01 234', email: 'ingrid@example.com' },
    { name: 'Jonas Berg', phone: '+47 555 01 235' },
  ],
  employees: 42,
};
